import { encodeFromTrainer, TensorKind, type Train } from '@prunegrid/proto';
import { coveringNodes, nodesByRank } from '@prunegrid/numerics/summation/tree-sum';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { helloOf, join, LeaseEnded, openChannel, PeerGroup, StepCredits } from '@prunegrid/trainer/worker';
import { nodeRuntime } from '@prunegrid/transport/node';
import { PeerListener } from '@prunegrid/transport/peers/peer-listener';
import { version } from '@prunegrid/core/version';

import { leave } from '../peer.js';
import { idleReady } from './idle-ready.js';

// A trainer that exchanges all that a trainer exchanges and computes nothing. It holds W, a gradient and, if the
// coordinator adds up, the sum.

const CONNECT_MS = 30_000;
const [address, length, leaves] = process.argv.slice(2);
const parameters = Number(length);
const channel = openChannel(await nodeRuntime.transport.connect('coordination', address, CONNECT_MS), address);
const W = new Float32Array(parameters);
const gradient = new Float32Array(parameters + STEP_METRICS).fill(1e-3);
let sum: Float32Array | undefined;
let generation = 0;
const listener = await PeerListener.open(nodeRuntime);
let peers: PeerGroup | undefined;

const header = (kind: TensorKind) => ({ kind, generation, step: 0, node: 0 });

await join(channel, helloOf(version, nodeRuntime.processes), async () => ({
  ready: idleReady(parameters),
  loaded: undefined,
}));
for (;;) {
  const command = await nextCommand();
  if (command.$case === 'finish') break;
  switch (command.$case) {
    case 'lease':
      generation = command.value.generation;
      break;
    case 'openRendezvous':
      await channel.send(encodeFromTrainer({ $case: 'rendezvousAddress', value: { address: listener.address } }));
      break;
    case 'rendezvous':
      peers = await PeerGroup.rendezvous(listener, command.value, nodeRuntime);
      await channel.send(encodeFromTrainer({ $case: 'rendezvousResult', value: { problem: '' } }));
      break;
    case 'beginPhase':
      await channel.receiveTensor(header(TensorKind.WEIGHTS), W);
      break;
    case 'fetchWeights':
      await channel.sendTensor(header(TensorKind.WEIGHTS), W);
      break;
    case 'train':
      await exchange(command.value);
      break;
    default:
      throw new Error(`the coordinator sent ${command.$case}, which a trainer that computes nothing cannot obey`);
  }
}
channel.close();
await listener.close();
leave();

/** The next command, after those that end a lease. */
async function nextCommand() {
  for (;;) {
    try {
      return await channel.receive();
    } catch (error) {
      if (!(error instanceof LeaseEnded)) throw error;
      peers?.close();
      // The next lease may be one without others.
      peers = undefined;
      await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
    }
  }
}

async function exchange({ firstStep, learningRates, firstMicroBatch, microBatches, reduction }: Train): Promise<void> {
  const own = coveringNodes(firstMicroBatch, microBatches, Number(leaves));
  const vectors = own.map((node) => [node, gradient] as const);
  const steps = learningRates.map((_, i) => firstStep + i);
  if (reduction === 'hub') {
    sum ??= new Float32Array(gradient.length);
    for (const step of steps) {
      for (const node of own) await channel.sendTensor({ ...header(TensorKind.GRADIENT), step, node }, gradient);
      await channel.receiveTensor({ ...header(TensorKind.SUM), step }, sum);
    }
  } else {
    const nodes = nodesByRank(Number(leaves), peers?.size ?? 1);
    const credits = new StepCredits(channel);
    for (const step of steps) {
      await credits.mayProceed();
      peers?.beginRound();
      const reduction = peers?.reduce(
        { generation, step, nodes, following: STEP_METRICS, isRounded: () => false },
        vectors,
        W,
      );
      await reduction?.tails();
      await reduction?.finish(
        (from, part) => W.set(part, from),
        () => undefined,
      );
      await credits.report(gradient.subarray(-STEP_METRICS));
    }
    await credits.close();
  }
  await channel.send(
    encodeFromTrainer({ $case: 'trained', value: { weightsHash: '', bytesToTrainers: 0, messagesToTrainers: 0 } }),
  );
}

import { encodeFromTrainer, TensorKind, type Train } from '@prunegrid/proto';
import { nodesByRank } from '@prunegrid/numerics/summation/tree-sum';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { helloOf, join, LeaseEnded, openChannel, PeerGroup, runRounds } from '@prunegrid/trainer/worker';
import { ADMISSION_TOKEN } from '@prunegrid/transport/channel';
import { nodeRuntime } from '@prunegrid/transport/node';
import { PeerListener } from '@prunegrid/transport/peers/peer-listener';
import { version } from '@prunegrid/core/version';

import { leave } from '../peer.js';
import { IDLE_TOKEN, idleReady } from './idle-ready.js';

// A trainer that exchanges all that a trainer exchanges, by the code that trains, and computes nothing. It holds W, a
// gradient and, if the coordinator adds up, the sum.

const CONNECT_MS = 30_000;
const [address, length, leaves] = process.argv.slice(2);
const parameters = Number(length);
const metadata = { [ADMISSION_TOKEN]: IDLE_TOKEN };
const channel = openChannel(
  await nodeRuntime.transport.connect('coordination', address, CONNECT_MS, metadata),
  address,
);
const W = new Float32Array(parameters);
// Behind the gradient are its loss and its correct answers, of which it has none.
const gradient = new Float32Array(parameters + STEP_METRICS).fill(1e-3, 0, parameters);
let generation = 0;
const listener = await PeerListener.open(nodeRuntime);
let peers: PeerGroup | undefined;

const header = (kind: TensorKind) => ({ kind, generation, step: 0, node: 0 });

await join(channel, helloOf(version, nodeRuntime), async () => ({
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

async function exchange(plan: Train): Promise<void> {
  const vectors = nodesByRank(plan.shares)[plan.rank].map((node) => [node, gradient] as const);
  const phase = { microBatches: Number(leaves), globalBatch: Number(leaves), bfloat16: false, syncEvery: 1 };
  await runRounds(
    { channel, generation, phase, plan, peers, clock: nodeRuntime.clock },
    {
      target: W,
      runAlone: async (_, { length }) => new Float32Array(STEP_METRICS * length),
      compute: async () => vectors,
      prepare: () => undefined,
      beginUpdate: async () => undefined,
      applyUpdate: (from, sum) => W.set(sum, from),
      commit: async () => undefined,
      close: () => undefined,
    },
  );
  const value = { weightsHash: '', bytesToTrainers: 0, messagesToTrainers: 0, notices: [], computingSeconds: 0 };
  await channel.send(encodeFromTrainer({ $case: 'trained', value }));
}

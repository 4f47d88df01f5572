import { Client, credentials } from '@grpc/grpc-js';
import { decodeFromCoordinator, encodeFromTrainer, Reduction, TensorKind, type Train } from '@prunegrid/proto';
import { Channel } from '@prunegrid/transport/channel';
import { coordinationService, keepalive } from '@prunegrid/transport/grpc/service';
import { coveringNodes } from '@prunegrid/numerics/summation/tree-sum';
import { evenShares } from '@prunegrid/numerics/shares';
import { PeerListener } from '@prunegrid/transport/peers/peer-listener';
import { encodeHello } from '@prunegrid/trainer/worker/hello';
import { STEP_METRICS } from '@prunegrid/numerics/rounds';
import { PeerGroup, StepCredits } from '@prunegrid/trainer/worker';

import { version } from '@prunegrid/core/version';
import { leave } from '../peer.js';

// A trainer that exchanges all that a trainer exchanges and computes nothing. It holds W, a gradient and, where the coordinator adds up, the sum.

const [address, length, leaves] = process.argv.slice(2);
const parameters = Number(length);
const client = new Client(address, credentials.createInsecure(), keepalive);
const { path, requestSerialize, responseDeserialize } = coordinationService.connect;
const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
const channel = new Channel(stream, decodeFromCoordinator, (error) =>
  error instanceof Error ? error : new Error('the coordinator hung up'),
);
const W = new Float32Array(parameters);
const gradient = new Float32Array(parameters + STEP_METRICS).fill(1e-3);
let sum: Float32Array | undefined;
let generation = 0;
const listener = await PeerListener.open();
let peers: PeerGroup | undefined;

const header = (kind: TensorKind) => ({ kind, generation, step: 0, node: 0 });

await channel.send(encodeHello(version));
await channel.receive();
await channel.send(
  encodeFromTrainer({
    $case: 'ready',
    value: {
      engine: 'none',
      engineVersion: '',
      device: '',
      memoryBytes: 0,
      datasetHash: '',
      trainingImages: 0,
      validationImages: 0,
      testImages: 0,
      parameters,
    },
  }),
);
await channel.receive();
for (let command = await channel.receive(); command.$case !== 'finish'; command = await channel.receive()) {
  switch (command.$case) {
    case 'lease':
      generation = command.value.generation;
      break;
    case 'openRendezvous':
      await channel.send(encodeFromTrainer({ $case: 'rendezvousAddress', value: { address: listener.address } }));
      break;
    case 'rendezvous':
      peers = await PeerGroup.rendezvous(listener, command.value);
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
    case 'release':
      peers?.close();
      // The next lease may be one without others.
      peers = undefined;
      await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
      break;
    default:
      throw new Error(`the coordinator sent ${command.$case}, which a trainer that computes nothing cannot obey`);
  }
}
stream.end();
client.close();
await listener.close();
leave();

async function exchange({ firstStep, learningRates, firstMicroBatch, microBatches, reduction }: Train): Promise<void> {
  const own = coveringNodes(firstMicroBatch, microBatches, Number(leaves));
  const vectors = own.map((node) => [node, gradient] as const);
  const steps = learningRates.map((_, i) => firstStep + i);
  if (reduction === Reduction.HUB) {
    sum ??= new Float32Array(gradient.length);
    for (const step of steps) {
      for (const node of own) await channel.sendTensor({ ...header(TensorKind.GRADIENT), step, node }, gradient);
      await channel.receiveTensor({ ...header(TensorKind.SUM), step }, sum);
    }
  } else {
    const nodes = evenShares(Number(leaves), peers?.size ?? 1).map(({ first, count }) =>
      coveringNodes(first, count, Number(leaves)),
    );
    const credits = new StepCredits(channel);
    for (const step of steps) {
      await credits.mayProceed();
      const reduction = peers?.reduce({ generation, step, nodes, isRounded: () => false }, vectors, W);
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

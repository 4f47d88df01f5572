import { Client, credentials } from '@grpc/grpc-js';
import { decodeFromCoordinator, encodeFromTrainer, Reduction, TensorKind, type Train } from '@prunegrid/proto';
import { Channel } from '@prunegrid/transport/channel';
import { coordinationService, keepalive } from '@prunegrid/transport/grpc/service';
import { coveringNodes } from '@prunegrid/numerics/summation/tree-sum';
import { deal } from '@prunegrid/numerics/shares';
import { Door } from '@prunegrid/transport/peers/peer-listener';
import { encodeHello } from '@prunegrid/trainer/worker/hello';
import { TAIL } from '@prunegrid/numerics/rounds';
import { Circle, Pace } from '@prunegrid/trainer/worker';

import { version } from '@prunegrid/core/version';
import { leave } from '../peer.js';

// A trainer that exchanges all that a trainer exchanges and computes nothing. It holds W, a gradient and, where the coordinator adds up, the sum.

const [address, length, leaves] = process.argv.slice(2);
const parameters = Number(length);
const client = new Client(address, credentials.createInsecure(), keepalive);
const { path, requestSerialize, responseDeserialize } = coordinationService.attend;
const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
const channel = new Channel(stream, decodeFromCoordinator, (error) =>
  error instanceof Error ? error : new Error('the coordinator hung up'),
);
const W = new Float32Array(parameters);
const gradient = new Float32Array(parameters + TAIL).fill(1e-3);
let sum: Float32Array | undefined;
let generation = 0;
const door = await Door.open();
let circle: Circle | undefined;

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
    case 'invite':
      await channel.send(encodeFromTrainer({ $case: 'door', value: { address: door.address } }));
      break;
    case 'meet':
      circle = await Circle.meet(door, command.value);
      await channel.send(encodeFromTrainer({ $case: 'met', value: { problem: '' } }));
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
      circle?.close();
      // The next lease may be one without others.
      circle = undefined;
      await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
      break;
    default:
      throw new Error(`the coordinator sent ${command.$case}, which a trainer that computes nothing cannot obey`);
  }
}
stream.end();
client.close();
await door.close();
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
    const nodes = deal(Number(leaves), circle?.members ?? 1).map(({ first, count }) =>
      coveringNodes(first, count, Number(leaves)),
    );
    const pace = new Pace(channel);
    for (const step of steps) {
      await pace.mayProceed();
      const reduction = circle?.begin({ generation, step, nodes, isRounded: () => false }, vectors, W);
      await reduction?.tails();
      await reduction?.finish(
        (from, part) => W.set(part, from),
        () => undefined,
      );
      await pace.report(gradient.subarray(-TAIL));
    }
    await pace.close();
  }
  await channel.send(
    encodeFromTrainer({ $case: 'trained', value: { weightsHash: '', bytesToTrainers: 0, messagesToTrainers: 0 } }),
  );
}

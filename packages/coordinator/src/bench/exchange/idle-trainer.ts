import { Client, credentials } from '@grpc/grpc-js';
import type { Train } from '@prunegrid/proto';
import {
  Channel,
  coordinationService,
  coveringNodes,
  decodeFromCoordinator,
  encodeFromTrainer,
  encodeHello,
  keepalive,
  TensorKind,
} from '@prunegrid/proto';

import { version } from '../../version.js';
import { leave } from '../peer.js';

// A trainer that exchanges all that a trainer exchanges and computes nothing. It holds W, a gradient and the sum.

const [address, length, leaves] = process.argv.slice(2);
const parameters = Number(length);
const client = new Client(address, credentials.createInsecure(), keepalive);
const { path, requestSerialize, responseDeserialize } = coordinationService.attend;
const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
const channel = new Channel(stream, decodeFromCoordinator, (error) =>
  error instanceof Error ? error : new Error('the coordinator hung up'),
);
const W = new Float32Array(parameters);
// The loss and the count of correct answers come behind the gradient.
const gradient = new Float32Array(parameters + 2).fill(1e-3);
const sum = new Float32Array(parameters + 2);
let generation = 0;

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
  if (command.$case === 'lease') generation = command.value.generation;
  else if (command.$case === 'beginPhase') await channel.receiveTensor(header(TensorKind.WEIGHTS), W);
  else if (command.$case === 'fetchWeights') await channel.sendTensor(header(TensorKind.WEIGHTS), W);
  else if (command.$case === 'train') await exchange(command.value);
  else if (command.$case === 'release')
    await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
}
stream.end();
client.close();
leave();

async function exchange({ firstStep, learningRates, firstMicroBatch, microBatches }: Train): Promise<void> {
  for (let step = firstStep; step < firstStep + learningRates.length; step++) {
    for (const node of coveringNodes(firstMicroBatch, microBatches, Number(leaves))) {
      await channel.sendTensor({ ...header(TensorKind.GRADIENT), step, node }, gradient);
    }
    await channel.receiveTensor({ ...header(TensorKind.SUM), step }, sum);
  }
  await channel.send(encodeFromTrainer({ $case: 'trained', value: { weightsHash: '' } }));
}

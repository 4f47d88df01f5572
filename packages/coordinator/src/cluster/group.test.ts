import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import {
  Channel,
  coordinationService,
  decodeFromCoordinator,
  encodeFromTrainer,
  encodeHello,
  type FromCoordinator,
  keepalive,
} from '@prunegrid/proto';
import { afterEach, expect, it } from 'vitest';

import { Gateway } from './gateway.js';

const PARAMETERS = 4;
const phase = {
  ...{ seed: 1, phase: 1, optimizer: undefined, globalBatch: 2, microBatches: 2 },
  ...{ shift: 0, dropout: 0, bfloat16: false, syncEvery: 1 },
};

type Message = NonNullable<FromCoordinator['body']>;
const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** A trainer that joins and then does as `behave` says. */
async function join(
  address: string,
  behave: (channel: Channel<Message>, stream: ClientDuplexStream<Buffer, Buffer>) => Promise<void>,
): Promise<void> {
  const client = new Client(address, credentials.createInsecure(), keepalive);
  ends.push(() => client.close());
  const { path, requestSerialize, responseDeserialize } = coordinationService.attend;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const channel = new Channel(stream, decodeFromCoordinator, () => new Error('the coordinator hung up'));
  await channel.send(encodeHello('1'));
  await channel.receive();
  await channel.send(
    encodeFromTrainer({
      $case: 'ready',
      value: {
        ...{ engine: 'none', engineVersion: '', device: '', memoryBytes: 0, datasetHash: '' },
        ...{ trainingImages: 0, validationImages: 0, testImages: 0, parameters: PARAMETERS },
      },
    }),
  );
  await channel.receive();
  behave(channel, stream).catch(() => undefined);
}

async function open(reduction: 'hub' | 'auto'): Promise<Awaited<ReturnType<typeof Gateway.open>>> {
  const terms = { model: 'none', dataset: undefined, threads: 1 };
  const gateway = await Gateway.open({
    ...{ listen: '127.0.0.1:0', version: '1', terms, parameters: PARAMETERS, trainers: 2, reduction },
    warn: () => undefined,
  });
  ends.push(() => gateway.close());
  return gateway;
}

it('lets go of trainers that wait for one that has left, and keeps them', async () => {
  const gateway = await open('hub');
  await join(gateway.address, async (channel) => {
    let generation = 0;
    for (;;) {
      const message = await channel.receive();
      if (message.$case === 'lease') generation = message.value.generation;
      // Never says a word of its own accord.
      if (message.$case !== 'release') continue;
      await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
    }
  });
  await join(gateway.address, async (channel, stream) => {
    let message = await channel.receive();
    while (message.$case !== 'train') message = await channel.receive();
    stream.on('error', () => undefined).cancel();
  });
  const work = gateway.pool.lend(2, async (group) => {
    await group.beginPhase(phase, new Float32Array(PARAMETERS));
    await group.train(0, [0.1, 0.1], () => undefined);
  });
  await expect(work).rejects.toThrow(/^trainer 2 at .* left in the middle of its work/);
  expect(gateway.pool.members.map(({ number }) => number)).toEqual([1]);
  expect(gateway.pool.freeCount).toBe(1);
});

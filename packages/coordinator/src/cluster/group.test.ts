import { ADMISSION_TOKEN, Channel } from '@prunegrid/transport/channel';
import { nodeRuntime } from '@prunegrid/transport/node';
import { decodeFromCoordinator, encodeFromTrainer, type FromCoordinator, type Train } from '@prunegrid/proto';
import { helloOf, join as joinCoordinator, StepCredits } from '@prunegrid/trainer/worker';
import { afterEach, expect, it } from 'vitest';

import { Gateway } from './gateway.js';

const PARAMETERS = 4;
const phase = {
  ...{ seed: 1, phase: 1, optimizer: undefined, globalBatch: 2, microBatches: 2 },
  ...{ shift: 0, dropout: 0, bfloat16: false, syncEvery: 1 },
};

type Message = NonNullable<FromCoordinator['body']>;
const ends: (() => unknown)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

/** A trainer that joins and then does as `behave` says; `leave` ends its stream without a word. */
async function join(
  address: string,
  behave: (channel: Channel<Message>, leave: () => void) => Promise<void>,
): Promise<void> {
  const stream = await nodeRuntime.transport.connect('coordination', address, 10_000, { [ADMISSION_TOKEN]: 'token' });
  ends.push(() => stream.close());
  const channel = new Channel<Message>(stream, decodeFromCoordinator, () => new Error('the coordinator hung up'));
  const ready = {
    ...{ engine: 'none', engineVersion: '', device: '', memoryBytes: 0, datasetHash: '' },
    ...{ trainingImages: 0, validationImages: 0, testImages: 0, parameters: PARAMETERS },
  };
  await joinCoordinator(channel, helloOf('1', nodeRuntime), async () => ({ ready, loaded: undefined }));
  behave(channel, () => stream.close('gone')).catch(() => undefined);
}

async function open(reduction: 'hub' | 'auto', trainers = 2, loss?: string): Promise<Gateway> {
  const workload = {
    ...(loss !== undefined && { loss }),
    engine: 'none',
    model: 'none',
    dataset: undefined,
    threads: 1,
    metrics: [],
  };
  const gateway = await Gateway.open({
    ...{ listen: '127.0.0.1:0', token: 'token', version: '1', workload, parameters: PARAMETERS, trainers, reduction },
    runtime: nodeRuntime,
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
      // It never says a word of its own accord.
      if (message.$case !== 'release') continue;
      await channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
    }
  });
  await join(gateway.address, async (channel, leave) => {
    let message = await channel.receive();
    while (message.$case !== 'train') message = await channel.receive();
    leave();
  });
  const work = gateway.pool.lease(2, async (group) => {
    await group.beginPhase(phase, new Float32Array(PARAMETERS));
    await group.train(0, [0.1, 0.1], () => undefined);
  });
  await expect(work).rejects.toThrow(/^trainer 2 at .* left in the middle of its work/);
  expect(gateway.pool.trainers.map(({ number }) => number)).toEqual([1]);
  expect(gateway.pool.freeCount).toBe(1);
});

it('holds against a machine once that it has lost several trainers at a time', async () => {
  const gateway = await open('hub');
  const leave = async (channel: Channel<Message>, end: () => void) => {
    let message = await channel.receive();
    while (message.$case !== 'train') message = await channel.receive();
    end();
  };
  for (let time = 1; time <= 2; time++) {
    for (let i = 0; i < 2; i++) await join(gateway.address, leave);
    expect([gateway.pool.freeCount, gateway.pool.trustedCount]).toEqual([2, 2]);
    const work = gateway.pool.lease(2, async (group) => {
      await group.beginPhase(phase, new Float32Array(PARAMETERS));
      await group.train(0, [0.1, 0.1], () => undefined);
    });
    await expect(work).rejects.toThrow(/left in the middle of its work/);
  }
  await join(gateway.address, leave);
  expect([gateway.pool.freeCount, gateway.pool.trustedCount]).toEqual([1, 0]);
});

/**
 * Behaves as a trainer that is alone: it answers Train and Release, and takes in everything else.
 * @param reports returns the metrics of a step
 */
async function workAlone(channel: Channel<Message>, reports = (step: number) => [step, step % 3]): Promise<void> {
  let generation = 0;
  const letGo = () => channel.send(encodeFromTrainer({ $case: 'released', value: { generation } }));
  for (;;) {
    const message = await channel.receive();
    if (message.$case === 'lease') generation = message.value.generation;
    if (message.$case === 'release') await letGo();
    // Release is what ends a plan early.
    if (message.$case === 'train') await obey(message.value).catch(letGo);
  }

  async function obey({ firstStep, learningRates }: Train): Promise<void> {
    const credits = new StepCredits(channel);
    for (let i = 0; i < learningRates.length && (await credits.mayProceed()); i++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await credits.report(Float32Array.from(reports(firstStep + i)));
    }
    await credits.close();
    const value = { weightsHash: 'hash', bytesToTrainers: 0, messagesToTrainers: 0, notices: [], computingSeconds: 0 };
    await channel.send(encodeFromTrainer({ $case: 'trained', value }));
  }
}

it('lets a trainer go on in stretches, and halts it', async () => {
  const gateway = await open('auto', 1);
  await join(gateway.address, (channel) => workAlone(channel));
  const steps: number[] = [];
  const { trained, whole } = await gateway.pool.lease(1, async (group) => {
    await group.beginPhase(phase, new Float32Array(PARAMETERS));
    const rates = new Array<number>(100_000).fill(0.1);
    const onStep = ({ step, loss, correct }: { step: number; loss: number; correct: number }) => {
      expect([loss, correct]).toEqual([step, step % 3]);
      steps.push(step);
    };
    const trained = await group.train(5, rates, onStep, () => steps.length >= 40);
    const messages = () => group.trainers[0].channel.traffic.messages;
    const before = messages();
    const whole = await group.train(0, rates.slice(0, 300), () => undefined);
    expect(messages() - before).toBeLessThan(100);
    return { trained, whole };
  });
  expect(trained).toEqual({ steps: steps.length, weightsHash: 'hash' });
  expect(steps).toEqual(steps.map((_, i) => 5 + i));
  expect(steps.length).toBeGreaterThanOrEqual(40);
  expect(steps.length).toBeLessThan(1000);
  expect(whole.steps).toBe(300);
});

it('believes a negative loss where it is that of a module', async () => {
  const gateway = await open('auto', 1, '/lab/likelihood.mjs');
  await join(gateway.address, (channel) => workAlone(channel, () => [-1, 1]));
  const losses: number[] = [];
  await gateway.pool.lease(1, async (group) => {
    await group.beginPhase(phase, new Float32Array(PARAMETERS));
    await group.train(0, [0.1, 0.1], ({ loss }) => losses.push(loss));
  });
  expect(losses).toEqual([-1, -1]);
});

it.each([
  ['other steps than it was to do', [1, 1, 1], /^trainer 1 at .*: reported 2 steps of 1/],
  ['more correct answers than there are images', [1, 3], /^trainer 1 at .*: counted 3 correct answers of 2 images$/],
  ['half an answer', [1, 0.5], /^trainer 1 at .*: counted 0\.5 correct answers of 2 images$/],
  ['a negative loss', [-1, 1], /^trainer 1 at .*: reported a loss of -1/],
])('says so where a trainer reports %s, and lets it go', async (_what, metrics, message) => {
  const gateway = await open('auto', 1);
  await join(gateway.address, (channel) => workAlone(channel, () => metrics));
  const work = gateway.pool.lease(1, async (group) => {
    await group.beginPhase(phase, new Float32Array(PARAMETERS));
    await group.train(0, [0.1, 0.1], () => undefined);
  });
  await expect(work).rejects.toThrow(message);
  expect(gateway.pool.freeCount).toBe(0);
});

import { nodeHost } from '@prunegrid/core/node';
import { initialParameters } from '@prunegrid/trainer/models';
import { expect, it } from 'vitest';

import { smallDataset } from './dataset.js';
import { exp, log } from './elementary.js';
import { smallEngine } from './engine.js';
import { smallModel } from './model.js';

it('learns its data set, to bits that are the same on every machine', async () => {
  const engine = await smallEngine.load({ threads: 1, clock: nodeHost.clock });
  const dataset = await smallDataset.load({ name: 'small', validation: 64 }, nodeHost);
  const replica = await engine.openReplica({
    ...{ model: smallModel, dataset, weights: initialParameters(smallModel, 1) },
    phase: {
      ...{ seed: 1, phase: 1, globalBatch: 32, microBatches: 2, shift: 0, dropout: 0.1, bfloat16: false },
      optimizer: { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0 } },
    },
  });
  await replica.runSteps(0, new Array<number>(56).fill(0.1));
  expect(await replica.hashWeights(55)).toBe('c68cad825ce18466da2b62cf0eb76569f313ce7dd9eb9b9da2e25d62137074d5');
  const { correct } = await replica.evaluate({ part: 'test', blockSize: 64, firstBlock: 0, blocks: 2 });
  expect(correct / dataset.test.count).toBeGreaterThan(0.9);
});

it('computes exp and log to the last places', () => {
  for (let i = -2000; i <= 2000; i++) {
    const x = i / 37;
    expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(1e-15);
    expect(Math.abs(log(Math.exp(x)) - Math.log(Math.exp(x)))).toBeLessThan(1e-15 * Math.max(1, Math.abs(x)));
  }
  expect([exp(0), log(1), exp(-1000)]).toEqual([1, 0, 0]);
});

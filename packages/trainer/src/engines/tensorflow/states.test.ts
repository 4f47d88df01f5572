import { nodeHost } from '@prunegrid/core/node';
import type { Tensor2D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

import { type Dataset, residentSplit } from '../../datasets/index.js';
import { initialParameters, layOut, type Model, toFile } from '../../models/index.js';
import type { PhaseSettings } from '../engine.js';
import { hostEngine } from '../host/engine.js';
import { loadTensorFlow } from './tensorflow.js';

const MOMENTUM = 0.25;

/**
 * A model with batch normalisation (Ioffe & Szegedy 2015) of the input, which keeps running means and variances, before
 * a dense layer.
 */
const model: Model = {
  name: 'normalised',
  ...layOut([
    { name: 'norm', kind: 'normalization', units: 3 },
    { name: 'fc', kind: 'dense', shape: [3, 2] },
  ]),
  input: { shape: [3], type: 'float32' },
  classes: 2,
  dropouts: [],

  forward(tf, [scale, shift, mean, variance, weight, bias], inputs, training) {
    const moments = training ? tf.moments(inputs, 0) : { mean, variance };
    const normalised = tf.div(tf.sub(inputs, moments.mean), tf.sqrt(tf.add(moments.variance, 1e-5)));
    const units = tf.add<Tensor2D>(tf.mul(normalised, scale), shift);
    const towards = (state: typeof mean, value: typeof mean) => tf.add(state, tf.mul(tf.sub(value, state), MOMENTUM));
    return {
      logits: tf.add(tf.matMul(units, weight as Tensor2D), bias),
      ...(training && { states: [towards(mean, moments.mean), towards(variance, moments.variance)] }),
    };
  },
};

const COUNT = 8;
const inputs = Float32Array.from({ length: 3 * COUNT }, (_, i) => ((7 * i) % 13) / 4);
const split = residentSplit({ inputs, labels: Uint16Array.from({ length: COUNT }, (_, i) => i % 2), count: COUNT });
const dataset: Dataset = {
  ...{ name: 'made-up', shape: [3], elementType: 'float32', classes: 2, hash: '' },
  ...{ training: split, validation: split, test: split },
};
const phase: PhaseSettings = {
  ...{ seed: 1, phase: 1, globalBatch: COUNT, microBatches: 1, shift: 0, dropout: 0, bfloat16: false },
  optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.5 } },
};
const engine = hostEngine(loadTensorFlow(1), nodeHost.clock);
const open = (own: Partial<PhaseSettings> = {}, weights = initialParameters(model, 1), survivors?: Uint32Array) =>
  engine.openReplica({ model, dataset, phase: { ...phase, ...own }, weights, survivors });
const stateOf = (weights: Float32Array, name: string) => {
  const { offset, size } = model.parameters.find((parameter) => parameter.name === name)!;
  return [...weights.subarray(offset, offset + size)];
};
/** The mean of each of the three inputs over all examples. */
const means = [0, 1, 2].map(
  (unit) => inputs.filter((_value, i) => i % 3 === unit).reduce((sum, value) => sum + value, 0) / COUNT,
);

it('states begin with their initial values, and become what training passes make of them', async () => {
  const replica = await open();
  expect(stateOf(await replica.readWeights(), 'norm.running_mean')).toEqual([0, 0, 0]);
  expect(stateOf(await replica.readWeights(), 'norm.running_var')).toEqual([1, 1, 1]);
  await replica.runSteps(0, [1e-3]);
  const first = stateOf(await replica.readWeights(), 'norm.running_mean');
  first.forEach((value, unit) => expect(value).toBeCloseTo(MOMENTUM * means[unit], 5));
  await replica.runSteps(1, [1e-3]);
  stateOf(await replica.readWeights(), 'norm.running_mean').forEach((value, unit) =>
    expect(value).toBeCloseTo((1 - (1 - MOMENTUM) ** 2) * means[unit], 5),
  );
});

it('states are averaged over the micro-batches by the tree, masked phases and bfloat16 included', async () => {
  // Each of the four means is over a quarter of the examples, so their mean is that over all.
  for (const [own, tolerance] of [[{}, 5] as const, [{ bfloat16: true }, 2] as const]) {
    const survivors = Uint32Array.from({ length: 3 * 4 }, (_, i) => i);
    for (const positions of [undefined, survivors]) {
      const replica = await open({ ...own, microBatches: 4 }, undefined, positions);
      await replica.runSteps(0, [1e-3]);
      stateOf(await replica.readWeights(), 'norm.running_mean').forEach((value, unit) =>
        expect(value).toBeCloseTo(MOMENTUM * means[unit], tolerance),
      );
    }
  }
});

it('evaluation reads the states, and changes none', async () => {
  const replica = await open();
  const request = { part: 'test', blockSize: COUNT, firstBlock: 0, blocks: 1 } as const;
  const before = await replica.hashWeights(0);
  const untrained = await replica.evaluate(request);
  expect(await replica.hashWeights(0)).toBe(before);
  const weights = (await replica.readWeights()).slice();
  const { offset, size } = model.parameters.find(({ name }) => name === 'norm.running_mean')!;
  weights.set(means, offset);
  expect(size).toBe(3);
  const evaluator = await engine.openEvaluator(model, dataset, weights);
  expect((await evaluator.evaluate(request)).losses).not.toEqual(untrained.losses);
});

it("states are part of W, and so of snapshots and of model files, by PyTorch's names", () => {
  expect(toFile(model, initialParameters(model, 1)).map(({ name, shape }) => [name, shape])).toEqual([
    ['norm.weight', [3]],
    ['norm.bias', [3]],
    ['norm.running_mean', [3]],
    ['norm.running_var', [3]],
    ['fc.weight', [2, 3]],
    ['fc.bias', [2]],
  ]);
});

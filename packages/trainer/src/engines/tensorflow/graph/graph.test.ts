import { nodeHost } from '@prunegrid/core/node';
import { createRequire } from 'node:module';
import type * as tensorflow from '@tensorflow/tfjs';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Batch, datasets, dropoutFactors, evaluationBatch } from '../../../datasets/index.js';
import { initialParameters, models } from '../../../models/index.js';
import { gradientTensor, scoreTensor } from '../../recording/computations.js';
import { arraysOf, gradientOf, recordComputation } from '../../recording/model-computations.js';
import { record } from '../../recording/record.js';
import { loadTensorFlow } from '../tensorflow.js';
import type { SessionBackend } from './binding.js';
import { GraphSession } from './session.js';

const engine = loadTensorFlow(1);
const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as typeof tensorflow;
const backend = tf.backend() as unknown as SessionBackend & { tensorMap: { get(dataId: object): { id: number } } };
const graphsIn = () => readdirSync(tmpdir()).filter((name) => name.startsWith('prunegrid-graph-'));

let batches: Batch[];
beforeAll(async () => {
  const dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 64 }, nodeHost);
  const { test } = dataset;
  batches = [await evaluationBatch(dataset, test, 0, 16), await evaluationBatch(dataset, test, 16, 16)];
});

describe('a recorded graph', () => {
  const ofDigits = [...models].filter(({ input }) => input.shape.join() === '28,28,1');

  it.each(ofDigits)('computes what TensorFlow.js computes eagerly, for every batch: $name', (model) => {
    const network = engine.open(model);
    const [{ shape }] = model.dropouts;
    const dropout = [dropoutFactors(0.5, shape[0], 16, { seed: 1, phase: 1, step: 0, firstSample: 0 })];
    for (const [i, batch] of batches.entries()) {
      const weights = initialParameters(model, 1 + i);
      network.setParameters(weights);
      const parameters = model.parameters.map(({ offset, size }) => weights.subarray(offset, offset + size));
      for (const factors of [undefined, dropout]) {
        const eager = gradientTensor(tf, model, { parameters, batch, dropout: factors }, 0.25).dataSync();
        const graph = network.gradient(batch, 0.25, factors).read();
        expect(graph).toHaveLength(model.size + 2);
        const apart = graph.reduce((most, value, at) => Math.max(most, Math.abs(value - eager[at])), 0);
        expect(apart).toBeLessThan(1e-6);
      }
      const { loss, correct, top5 } = network.score(batch);
      const eager = scoreTensor(tf, model, { parameters, batch }).dataSync();
      expect(loss).toBeCloseTo(eager[0], 4);
      expect(correct).toBe(eager[1]);
      expect(top5).toBe(eager[2]);
    }
    network.close();
  });

  it('leaves no file behind, and says where there is no room for one', () => {
    const ones = Float32Array.of(1, 1);
    const recording = record(backend, [ones], () => idsOf(tf.square(tf.tensor1d(ones))));
    const before = graphsIn();
    const session = new GraphSession(backend, recording);
    expect(graphsIn()).toEqual(before);
    const input = session.input(0, Float32Array.of(3, 4));
    expect(session.run([input], 2).read()).toEqual(Float32Array.of(9, 16));
    const { TMPDIR } = process.env;
    process.env['TMPDIR'] = '/nowhere';
    try {
      expect(existsSync(tmpdir())).toBe(false);
      expect(() => new GraphSession(backend, recording)).toThrow(/^\/nowhere: no graph .*: free some room/);
    } finally {
      if (TMPDIR === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = TMPDIR;
    }
  });
});

const idsOf = (tensor: tensorflow.Tensor) => [backend.tensorMap.get(tensor.dataId).id];

it('vectors add up on the device as arrays do, and are then gone', () => {
  const recording = record(backend, [], () => idsOf(tf.square(tf.tensor1d([0.1, 2]))));
  const session = new GraphSession(backend, recording);
  const square = Math.fround(Math.fround(0.1) ** 2);
  expect(session.run([], 2).plus(session.run([], 2)).read()).toEqual(Float32Array.of(2 * square, 8));
});

it('vectors of several tensors are read as one, and added up wherever they are', () => {
  const recording = record(backend, [], () => {
    const squares = tf.square(tf.tensor1d([1, 2]));
    return [...idsOf(squares), ...idsOf(tf.neg(squares))];
  });
  const session = new GraphSession(backend, recording);
  expect(session.run([], 4).read()).toEqual(Float32Array.of(1, 4, -1, -4));
  expect(session.run([], 4).plus(session.run([], 4)).read()).toEqual(Float32Array.of(2, 8, -2, -8));
  const moved = () => {
    const vector = session.run([], 4);
    vector.moveToHost();
    return vector;
  };
  expect(moved().read()).toEqual(Float32Array.of(1, 4, -1, -4));
  const sums = [moved().plus(session.run([], 4)), session.run([], 4).plus(moved()), moved().plus(moved())];
  for (const sum of sums) expect(sum.read()).toEqual(Float32Array.of(2, 8, -2, -8));
});

it('the gradient of a large network has the values of a whole one, in parts', () => {
  const model = models.get('lenet300');
  const weights = initialParameters(model, 1);
  const parameters = model.parameters.map(({ offset, size }) => weights.subarray(offset, offset + size));
  const inputs = { parameters, batch: batches[0] };
  const [whole, parts] = [false, true].map((inParts) => {
    const computation = gradientOf(model, inputs, 0.5, 0, inParts);
    const session = new GraphSession(backend, recordComputation(tf, backend, computation));
    const fed = arraysOf(inputs).map((values, i) => session.input(i, values));
    return session.run(fed, model.size + 2).read();
  });
  expect(parts).toHaveLength(model.size + 2);
  expect(Buffer.from(parts.buffer).equals(Buffer.from(whole.buffer))).toBe(true);
});

describe('recording', () => {
  it('refuses computations that a graph cannot repeat', () => {
    const values = Float32Array.of(1, 2);
    const made = tf.tensor1d(Float32Array.of(5, 6));
    tf.square(made);
    expect(() => record(backend, [values], () => idsOf(tf.add(tf.tensor1d(values), made)))).toThrow(/made before it/);
    const reading = () => idsOf(tf.tensor1d(tf.square(tf.tensor1d(values)).dataSync()));
    expect(() => record(backend, [values], reading)).toThrow(/must not read/);
    expect(() => record(backend, [values], () => idsOf(tf.square(tf.tensor1d([1, 2]))))).toThrow(/does not use/);
  });

  it('hands the binding back whatever happens', () => {
    const { binding } = backend;
    expect(() =>
      record(backend, [], () => {
        throw new Error('stopped');
      }),
    ).toThrow('stopped');
    expect(backend.binding).toBe(binding);
  });
});

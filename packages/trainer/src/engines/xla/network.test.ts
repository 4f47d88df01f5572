import { homedir } from 'node:os';

import { cacheFolder } from '@prunegrid/core/cache-folder';
import { nodeHost } from '@prunegrid/core/node';
import { cpuPlugin, createClient, loadAddon, type PjrtClient, provideAddon, providePlugin } from '@prunegrid/pjrt';
import type * as tensorflow from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Batch, datasets, dropoutFactors, evaluationBatch } from '../../datasets/index.js';
import { initialParameters, models } from '../../models/index.js';
import { record } from '../recording/record.js';
import { loadBinding, loadTensorFlow } from '../tensorflow/tensorflow.js';
import { lower } from './lowering/lower.js';
import { XlaNetworks } from './network.js';

const { tf, backend } = loadBinding(1);
const host = loadTensorFlow(1);

/** The largest difference between two vectors, relative to the largest magnitude of the second one. */
function apart(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual).toHaveLength(expected.length);
  let [most, largest] = [0, Number.MIN_VALUE];
  for (let i = 0; i < expected.length; i++) {
    most = Math.max(most, Math.abs(actual[i] - expected[i]));
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return most / largest;
}

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('programs for XLA', () => {
  let client: PjrtClient;
  let networks: XlaNetworks;
  let batch: Batch;
  beforeAll(async () => {
    const cache = cacheFolder(process.env, homedir());
    const file = await providePlugin(cpuPlugin, cache, () => undefined, { env: process.env });
    const addon = loadAddon(await provideAddon(cache, () => undefined, { env: process.env }));
    client = await createClient(addon, file, { cpu_device_count: 1 });
    networks = new XlaNetworks(client, tf, backend);
    const dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 64 }, nodeHost);
    batch = await evaluationBatch(dataset, dataset.test, 0, 4);
  }, 300_000);

  it.each(['lenet5', 'lenet300'])('compute what libtensorflow computes: %s', async (name) => {
    const model = models.get(name);
    const [{ shape }] = model.dropouts;
    const dropout = [dropoutFactors(0.5, shape[0], 4, { seed: 1, phase: 1, step: 0, firstSample: 0 })];
    const [own, other] = [networks.open(model), host.open(model)];
    for (const network of [own, other]) network.setParameters(initialParameters(model, 1));
    const [actual, expected] = [
      await own.gradient(batch, 0.25, dropout).read(),
      other.gradient(batch, 0.25, dropout).read(),
    ];
    expect(apart(actual.slice(0, model.size), expected.slice(0, model.size))).toBeLessThan(1e-4);
    expect(apart(actual.slice(model.size), expected.slice(model.size))).toBeLessThan(1e-5);
    const [score, known] = [await own.score(batch), other.score(batch)];
    expect(Math.abs(score.loss / known.loss - 1)).toBeLessThan(1e-5);
    expect(score.correct).toBe(known.correct);
    for (const network of [own, other]) network.close();
  });

  /** Runs a function of a vector by XLA, and compares its value and its gradient with libtensorflow's. */
  const compare = async (
    shape: number[],
    values: Float32Array,
    compute: (x: tensorflow.Tensor) => tensorflow.Tensor,
  ) => {
    const idOf = (tensor: tensorflow.Tensor) => backend.tensorMap.get(tensor.dataId).id;
    const weighted = (x: tensorflow.Tensor) => {
      const y = tf.cast(compute(x), 'float32');
      const weights = Float32Array.from({ length: y.size }, (_, i) => 1 + (i % 5) / 4);
      return tf.sum(tf.mul(tf.reshape(y, [-1]), tf.tensor1d(weights)));
    };
    const forward = (x: tensorflow.Tensor) => tf.reshape(tf.cast(compute(x), 'float32'), [-1]);
    const gradient = (x: tensorflow.Tensor) => tf.reshape(tf.grad(weighted)(x), [-1]);
    for (const [run, bound] of [[forward, 1e-5] as const, [gradient, 1e-4] as const]) {
      const recording = record(backend, [values], () => idOf(run(tf.tensor(values, shape, 'float32'))));
      const expected = run(tf.tensor(values, shape, 'float32')).dataSync();
      const executable = await client.compile(lower(recording, 'HIGHEST'));
      const input = await client.put(values, 'float32', shape);
      const [output] = await executable.execute([input], { keep: true });
      expect(apart(await output.read(new Float32Array(expected.length)), expected)).toBeLessThan(bound);
      for (const each of [input, output, executable]) each.release();
    }
  };
  const some = (count: number) => Float32Array.from({ length: count }, (_, i) => ((i * 37) % 101) / 50 - 1.005);

  it.each<[string, number[], (x: never) => tensorflow.Tensor]>([
    ['max-pooling with padding and overlap', [1, 5, 5, 2], (x: tensorflow.Tensor4D) => tf.maxPool(x, 3, 2, 'same')],
    [
      'max-pooling of equal values',
      [1, 4, 4, 1],
      (x: tensorflow.Tensor4D) => tf.maxPool(tf.mul<tensorflow.Tensor4D>(x, tf.zerosLike(x)), 2, 2, 'valid'),
    ],
    [
      'convolution with stride and padding',
      [1, 6, 5, 2],
      (x: tensorflow.Tensor4D) => tf.conv2d(x, tf.tensor4d(some(36), [3, 3, 2, 2]), 2, 'same'),
    ],
    [
      'a product with a transposed matrix',
      [2, 3],
      (x: tensorflow.Tensor2D) => tf.matMul(x, tf.tensor2d(some(12), [4, 3]), false, true),
    ],
    ['softmax', [2, 5], (x: tensorflow.Tensor) => tf.softmax(x)],
    [
      'local response normalisation',
      [1, 2, 2, 6],
      (x: tensorflow.Tensor4D) => tf.localResponseNormalization(x, 2, 1, 0.5, 0.75),
    ],
    ['the logarithm of softmax', [3, 4], (x: tensorflow.Tensor) => tf.logSoftmax(x)],
    ['softplus and leaky ReLU', [9], (x: tensorflow.Tensor) => tf.add(tf.softplus(x), tf.leakyRelu(x, 0.1))],
    ['sigmoid and tanh', [7], (x: tensorflow.Tensor) => tf.mul(tf.sigmoid(x), tf.tanh(x))],
    ['parts and their order', [4, 6], (x: tensorflow.Tensor) => tf.concat(tf.split(x, 3, 1).reverse(), 1)],
    ['a transpose and a mean', [2, 3, 4], (x: tensorflow.Tensor) => tf.mean(tf.transpose(x, [2, 0, 1]), 1)],
  ])('compute values and gradients of %s', async (_name, shape, compute) => {
    await compare(
      shape,
      some(shape.reduce((a, b) => a * b, 1)),
      compute as (x: tensorflow.Tensor) => tensorflow.Tensor,
    );
  });
});

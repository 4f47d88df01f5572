import { nodeHost } from '@prunegrid/core/node';
import { sizeOf } from '@prunegrid/numerics/shape';
import { beforeAll, describe, expect, it } from 'vitest';

import { type Batch, datasets, dropoutFactors, evaluationBatch } from '../../datasets/index.js';
import { initialParameters, models } from '../../models/index.js';
import { gradientOf, recordComputation, scoreOf } from '../recording/model-computations.js';
import { loadBinding, loadTensorFlow } from '../tensorflow/tensorflow.js';
import { lower } from './lowering/lower.js';
import { XlaNetworks } from './network.js';
import { apart, createCpuClient, hasPlugin } from './plugin.fixture.js';

const { tf, backend } = loadBinding(1);
const host = loadTensorFlow(1);

describe.skipIf(!hasPlugin)('programs for XLA', () => {
  let networks: XlaNetworks;
  let batch: Batch;
  beforeAll(async () => {
    const client = await createCpuClient();
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

  it('are written for AlexNet, whose convolutions XLA compiles for many seconds on CPUs', () => {
    const model = models.get('alexnet');
    const example: Batch = { inputs: new Float32Array(sizeOf(model.input.shape)), labels: Int32Array.of(7) };
    const parameters = model.parameters.map(({ size }) => new Float32Array(size));
    const dropout = model.dropouts.map(({ shape }) => new Float32Array(sizeOf(shape)));
    const inputs = { parameters, batch: example, dropout };
    for (const computation of [gradientOf(model, inputs, 1, 0.1), scoreOf(model, { parameters, batch: example })]) {
      expect(lower(recordComputation(tf, backend, computation), 'HIGHEST')).toContain('stablehlo.convolution');
    }
  });
});

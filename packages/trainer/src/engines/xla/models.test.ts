import { nodeHost } from '@prunegrid/core/node';
import { sizeOf } from '@prunegrid/numerics/shape';
import { beforeAll, describe, expect, it } from 'vitest';

import { datasets, type Dataset } from '../../datasets/index.js';
import { initialParameters, models } from '../../models/index.js';
import type { Engine, PhaseSettings } from '../engine.js';
import { tensorflow } from '../tensorflow/source.js';
import { Body } from './lowering/body.js';
import { lower } from './lowering/lower.js';
import { apart, hasPlugin } from './plugin.fixture.js';
import { Recordings } from './recordings.js';
import { xla } from './source.js';

describe.skipIf(!hasPlugin)("XLA's programs of models", () => {
  let engines: Engine[];
  let dataset: Dataset;
  beforeAll(async () => {
    const options = { threads: 1, clock: nodeHost.clock };
    await xla.provision(() => undefined);
    await tensorflow.provision(() => undefined);
    const other = await tensorflow.load(options);
    engines = [await xla.load(options), other];
    dataset = await datasets.get('mnist').load({ name: 'mnist', validation: 5000, limit: 64 }, nodeHost);
  }, 300_000);

  const phase: PhaseSettings = {
    ...{ seed: 1, phase: 1, globalBatch: 4, microBatches: 1, shift: 2, dropout: 0.5, bfloat16: false },
    optimizer: { $case: 'adam', value: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
  };

  it.each(['lenet5', 'lenet300'])('compute what libtensorflow computes: %s', async (name) => {
    const model = models.get(name);
    const [own, other] = await Promise.all(
      engines.map(async (engine) => {
        const replica = await engine.openReplica({ model, dataset, phase, weights: initialParameters(model, 1) });
        const [[, gradient]] = await replica.computeGradients(5, [0]);
        const block = { part: 'test', blockSize: 4, firstBlock: 1, blocks: 1 } as const;
        const { losses, correct } = await replica.evaluate(block);
        replica.close();
        return { gradient, loss: losses[0], correct };
      }),
    );
    expect(apart(own.gradient.slice(0, model.size), other.gradient.slice(0, model.size))).toBeLessThan(1e-4);
    expect(apart(own.gradient.slice(model.size), other.gradient.slice(model.size))).toBeLessThan(1e-5);
    expect(Math.abs(own.loss / other.loss - 1)).toBeLessThan(1e-5);
    expect(own.correct).toBe(other.correct);
  });

  it('are written for AlexNet, whose convolutions XLA compiles for many seconds on CPUs', () => {
    const recordings = new Recordings();
    const model = models.get('alexnet');
    for (const recording of [recordings.gradient(model, 1, 1, true, 0.1), recordings.score(model, 1)]) {
      const body = new Body('HIGHEST');
      const given = recording.placeholders.map(({ shape, elementType: type }, i) => ({
        name: `%arg${i}`,
        shape,
        type,
      }));
      const { shape } = lower(recording, body, given);
      expect(sizeOf(shape)).toBe(recording === recordings.score(model, 1) ? 3 : model.size + 2);
    }
  });
});

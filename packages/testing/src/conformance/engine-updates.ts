import { createOptimizer } from '@prunegrid/numerics/optimizers';
import type { PhaseSettings, Replica } from '@prunegrid/trainer/engines';
import { initialParameters } from '@prunegrid/trainer/models';
import { expect, it } from 'vitest';

import { smallModel as model } from '../engine/model.js';

const RATE = 1e-2;

/**
 * Describes the tests of how an engine moves W by a gradient. It is called within the tests of the engine.
 * @param open opens a replica of the small model with its initial weights
 * @param phase settings with four micro-batches
 */
export function describeUpdates(open: (own: PhaseSettings) => Promise<Replica>, phase: PhaseSettings): void {
  const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.5 };
  it.each([
    { $case: 'adam', value: adam },
    { $case: 'adamw', value: adam },
    { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0.5 } },
    { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0.5, nesterov: true } },
  ] as const)('makes the steps of the optimizer: %o', async (optimizer) => {
    const replica = await open({ ...phase, optimizer });
    const ranges = model.parameters.map(({ offset: from, size, kind }) => ({
      from,
      to: from + size,
      decayed: kind === 'weight',
    }));
    const expected = createOptimizer(optimizer, ranges, initialParameters(model, 1));
    for (let step = 0; step < 3; step++) {
      const [[, sum]] = await replica.computeGradients(step, [0, 1, 2, 3]);
      expected.step(step + 1, RATE)(sum.slice(0, model.size), 0);
      await replica.beginUpdate(step, sum[model.size], RATE);
      await replica.applyUpdate(0, sum.slice(0, model.size));
      await replica.commit();
    }
    (await replica.readWeights()).forEach((w, i) => expect(w).toBeCloseTo(expected.parameters[i], 5));
  });

  it('clips the gradient of the loss by its norm over all parameters, and then adds the penalty', async () => {
    const own = { ...phase, optimizer: { $case: 'sgd' as const, value: { momentum: 0, weightDecay: 0 } } };
    const [[, sum]] = await (await open(own)).computeGradients(0, [0, 1, 2, 3]);
    const gradient = sum.slice(0, model.size);
    const norm = Math.hypot(...gradient);
    const before = initialParameters(model, 1);
    const layer = model.parameters.find(({ name }) => name === 'output.weight')!;
    for (const gradientClipping of [norm / 4, 2 * norm]) {
      const [together, apart] = [await open({ ...own, gradientClipping }), await open({ ...own, gradientClipping })];
      for (const each of [together, apart]) {
        await each.setPenalty([{ layer: 'output', rho: 0.5 }], new Float32Array(layer.size));
      }
      await together.runSteps(0, [1]);
      await apart.beginUpdate(0, sum[model.size], 1);
      await apart.applyUpdate(0, gradient.slice());
      await apart.commit();
      const factor = Math.min(1, gradientClipping / norm);
      (await together.readWeights()).forEach((w, i) => {
        const pull = i >= layer.offset && i < layer.offset + layer.size ? 0.5 * before[i] : 0;
        expect(w).toBeCloseTo(before[i] - factor * gradient[i] - pull, 5);
      });
      expect(await apart.hashWeights(0)).toBe(await together.hashWeights(0));
    }
  });
}

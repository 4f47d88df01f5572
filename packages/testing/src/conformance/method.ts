import { type Before, methods } from '@prunegrid/coordinator/training/methods';
import { epochsOf } from '@prunegrid/coordinator/experiment/epochs';
import { type Spec, specSchema } from '@prunegrid/coordinator/experiment/spec';
import { atMost } from '@prunegrid/numerics/constraints';
import { describe, expect, it } from 'vitest';

import { FakeTraining, layers, model, type Saved, weights } from './fake-training.js';

/** The keys of `admm` that a method may ignore. Each has a different value from that of `specOf`. */
const others: Record<string, unknown> = {
  rho: 0.25,
  stopEarly: { primalResidual: 1e9, supportChange: 0.99 },
  optimizer: { name: 'sgd', momentum: 0.5 },
  learningRate: { schedule: 'constant', value: 0.05 },
  dropout: 0.25,
  labelSmoothing: 0.1,
  gradientClipping: 0.5,
};

const given: Before = { weights, denseAccuracy: 0.5 };

const phase = { epochs: 1, learningRate: { schedule: 'constant', value: 0.1 } };

function specOf(method: string, more: Record<string, unknown> = {}): Spec {
  return specSchema.parse({
    ...{ name: 'conformance', model: model.name, dataset: { name: 'none' }, keep: { one: 3 }, method },
    dense: phase,
    admm: { iterations: 2, epochsPerIteration: 2, rho: 1, learningRate: phase.learningRate, ...more },
    retrain: phase,
  });
}

/**
 * Describes the vitest tests that every registered pruning method must pass. The method runs on a training that changes
 * weights by a simple rule instead of by gradients.
 * @param name the name under which the method is registered when the tests run
 */
export function describeMethod(name: string): void {
  describe(`method ${name}`, () => {
    const run = async (spec: Spec, { before = given, saved }: { before?: Before; saved?: Saved } = {}) => {
      const training = new FakeTraining(spec, saved);
      const pruned = await methods.get(name).prune(training, { ...before, weights: before.weights.slice() }, layers);
      return { pruned, training };
    };

    it('has a title, and returns all parameters, finite', async () => {
      expect(methods.get(name).title).not.toBe('');
      const { pruned } = await run(specOf(name));
      expect(pruned).toHaveLength(model.size);
      expect(pruned.every(Number.isFinite)).toBe(true);
    });

    it('trains the phase in order and for all its epochs, unless it says that it does not train or stops early', async () => {
      const spec = specOf(name);
      const { training } = await run(spec);
      expect(training.trained).toBe(epochsOf(spec).prune);
      expect(training.mistakes).toEqual([]);
    });

    it('gives the same bits again', async () => {
      const first = await run(specOf(name));
      expect((await run(specOf(name))).pruned).toEqual(first.pruned);
    });

    it('gives the same bits when it is resumed after any of its epochs', async () => {
      const whole = await run(specOf(name));
      for (const saved of whole.training.saved) {
        const resumed = await run(specOf(name), { saved });
        expect(resumed.pruned).toEqual(whole.pruned);
        expect(resumed.training.mistakes).toEqual([]);
      }
      expect(whole.training.saved).toHaveLength(whole.training.trained);
    });

    it('depends on no key of admm that it does not name', async () => {
      const uses: readonly string[] = methods.get(name).uses;
      const expected = (await run(specOf(name))).pruned;
      for (const [key, value] of Object.entries(others)) {
        if (uses.includes(key)) continue;
        expect((await run(specOf(name, { [key]: value }))).pruned, key).toEqual(expected);
      }
      expect(uses.filter((key) => !(key in others))).toEqual([]);
    });

    it('trains nothing but the survivors of a network that is pruned already', async () => {
      const trainable = new Map([['one', Uint32Array.of(0, 2, 5, 6)]]);
      const start = weights.map((w, i) => (i < 8 && ![0, 2, 5, 6].includes(i) ? 0 : w));
      const { pruned } = await run(specOf(name), { before: { ...given, weights: start, trainable } });
      for (const i of [1, 3, 4, 7]) expect(pruned[i]).toBe(0);
    });

    it('works for other constraints than the one that it was made for', async () => {
      const training = new FakeTraining(specOf(name));
      const held = layers.map((layer) => ({ ...layer, constraint: atMost(0) }));
      const before = { ...given, weights: weights.slice() };
      expect((await methods.get(name).prune(training, before, held)).every(Number.isFinite)).toBe(true);
    });
  });
}

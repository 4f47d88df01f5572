import { sizeOf } from '@prunegrid/numerics/shape';
import { type BudgetLayer, budgets, keepsFor, keptInAll } from '@prunegrid/numerics/budgets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const shapes = fc.array(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 5,
});
const ratio = fc.double({ min: 1.01, max: 50, noNaN: true });

/**
 * Describes the vitest tests that every registered budget rule must pass.
 * @param name the name under which the rule is registered when the tests run
 */
export function describeBudget(name: string): void {
  describe(`budget rule ${name}`, () => {
    /** The generator makes layers with weights of both signs and some zeros. */
    const networks = fc.tuple(shapes, fc.nat(1000)).map(([extents, seed]) => {
      const layers: BudgetLayer[] = extents.map((shape, i) => ({ name: `layer${i}`, shape }));
      const weights = new Map(
        layers.map((layer, i) => [
          layer.name,
          Float32Array.from({ length: sizeOf(layer.shape) }, (_, j) => Math.round(8 * Math.sin(seed + 31 * i + j)) / 8),
        ]),
      );
      // Some layers lose more than others, at a half and at a tenth of their weights.
      const sensitivityOf = (layer: string) => {
        const { shape } = layers.find(({ name: own }) => own === layer) as BudgetLayer;
        const loss = 1.1 + Math.sin(seed + layers.findIndex(({ name: own }) => own === layer));
        return [0.5, 0.1].map((share, i) => ({ kept: Math.ceil(share * sizeOf(shape)), damage: (i + 1) * loss }));
      };
      return { layers, weightsOf: (layer: string) => weights.get(layer) as Float32Array, sensitivityOf };
    });
    const refuse = (): Float32Array => {
      throw new Error('the rule says that it does not depend on the weights');
    };

    it('keeps exactly the number asked for in whole numbers, and of no layer more than it has', () => {
      fc.assert(
        fc.property(networks, ratio, ({ layers, weightsOf, sensitivityOf }, times) => {
          const keeps = keepsFor({ rule: name, ratio: times }, layers, weightsOf, { sensitivityOf });
          expect(Object.keys(keeps)).toEqual(layers.map((layer) => layer.name));
          expect(Object.values(keeps).reduce((sum, count) => sum + count, 0)).toBe(keptInAll(layers, times));
          for (const layer of layers) {
            expect(Number.isInteger(keeps[layer.name])).toBe(true);
            expect(keeps[layer.name]).toBeGreaterThanOrEqual(0);
            expect(keeps[layer.name]).toBeLessThanOrEqual(sizeOf(layer.shape));
          }
        }),
      );
    });

    it('gives no layer more when the network keeps fewer, but for one weight by rounding', () => {
      fc.assert(
        fc.property(networks, ratio, ratio, ({ layers, weightsOf, sensitivityOf }, one, other) => {
          const [more, fewer] = [Math.min(one, other), Math.max(one, other)].map((times) =>
            keepsFor({ rule: name, ratio: times }, layers, weightsOf, { sensitivityOf }),
          );
          for (const layer of layers) expect(fewer[layer.name]).toBeLessThanOrEqual(more[layer.name] + 1);
        }),
      );
    });

    it('gives the same counts for the same network, by its weights only if it says so, and leaves them alone', () => {
      fc.assert(
        fc.property(networks, ratio, ({ layers, weightsOf, sensitivityOf }, times) => {
          const before = layers.map((layer) => weightsOf(layer.name).slice());
          const keeps = keepsFor({ rule: name, ratio: times }, layers, weightsOf, { sensitivityOf });
          const depends = budgets.get(name).dependsOnWeights;
          expect(
            keepsFor({ rule: name, ratio: times }, layers, depends ? weightsOf : refuse, { sensitivityOf }),
          ).toEqual(keeps);
          expect(layers.map((layer) => weightsOf(layer.name))).toEqual(before);
        }),
      );
    });
  });
}

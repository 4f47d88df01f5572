import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type BudgetLayer, budgets, keepsFor, keptInAll, type SensitivityPoint } from './index.js';

const lenet5: BudgetLayer[] = [
  { name: 'conv1', shape: [5, 5, 1, 20] },
  { name: 'conv2', shape: [5, 5, 20, 50] },
  { name: 'fc1', shape: [800, 500] },
  { name: 'fc2', shape: [500, 10] },
];
const none = (): Float32Array => {
  throw new Error('the rule needs no weights');
};

describe('a budget for the whole network', () => {
  it('by the same share keeps that share of every layer', () => {
    expect(keepsFor({ rule: 'uniform', ratio: 10 }, lenet5, none)).toEqual({
      conv1: 50,
      conv2: 2_500,
      fc1: 40_000,
      fc2: 500,
    });
  });

  it('by ERK gives densities proportional to (sum of extents) / (product of extents)', () => {
    const keeps = keepsFor({ rule: 'erk', ratio: 250 }, lenet5, none);
    // 1,722 over 31 + 80 + 1,300 + 510 extents.
    expect(keeps).toEqual({ conv1: 28, conv2: 72, fc1: 1_165, fc2: 457 });
  });

  it('by ERK leaves a layer dense that would get more than it has, and shares the rest among the others', () => {
    const keeps = keepsFor({ rule: 'erk', ratio: 10 }, lenet5, none);
    // 43,050: conv1 and fc2 would get 695 of 500 and 11,429 of 5,000 weights.
    expect(keeps).toEqual({ conv1: 500, conv2: 2_177, fc1: 35_373, fc2: 5_000 });
  });

  it('by magnitude keeps the largest of all layers, ties to the earlier one', () => {
    const layers = [
      { name: 'a', shape: [2, 2] },
      { name: 'b', shape: [4] },
    ];
    const weights: Record<string, Float32Array> = {
      a: Float32Array.of(-5, 1, 2, 2),
      b: Float32Array.of(2, -3, 0, 2),
    };
    expect(keepsFor({ rule: 'magnitude', ratio: 2 }, layers, (name) => weights[name])).toEqual({ a: 3, b: 1 });
  });

  it('by LAMP does not depend on the scale of a layer', () => {
    const layers = [
      { name: 'a', shape: [4] },
      { name: 'b', shape: [4] },
    ];
    // Scores of 1, 2, 3, 4: 1/30, 4/29, 9/25, 1; of 1, 1, 1, 4: 1/19, 1/18, 1/17, 1.
    const keeps = (scale: number) =>
      keepsFor({ rule: 'lamp', ratio: 2 }, layers, (name) =>
        name === 'a' ? Float32Array.of(3, -1, 4, 2) : Float32Array.of(1, 4, 1, -1).map((w) => w * scale),
      );
    expect(keeps(1)).toEqual({ a: 3, b: 1 });
    expect(keeps(1e-3)).toEqual(keeps(1));
  });

  it('by sensitivity lets layers do the same damage', () => {
    const layers = [
      { name: 'a', shape: [100] },
      { name: 'b', shape: [100] },
    ];
    const measured: Record<string, SensitivityPoint[]> = {
      a: [
        { kept: 50, damage: 0.1 },
        { kept: 10, damage: 1 },
      ],
      b: [
        { kept: 50, damage: 1 },
        { kept: 10, damage: 4 },
      ],
    };
    const keeps = (ratio: number) =>
      keepsFor({ rule: 'sensitivity', ratio }, layers, none, { sensitivityOf: (name) => measured[name] });
    // At a damage of 1, a keeps 10 and b 50. At the last measurements there is no more to say than their proportion.
    expect(keeps(200 / 60)).toEqual({ a: 10, b: 50 });
    expect(keeps(10)).toEqual({ a: 10, b: 10 });
    expect(keeps(50)).toEqual({ a: 2, b: 2 });
    const { a, b } = keeps(2);
    expect(a + b).toBe(100);
    expect(a).toBeLessThan(b / 2);
  });

  it.each(budgets.names)('by %s keeps exactly the number asked for, and of no layer more than it has', (rule) => {
    const layer = fc.record({ shape: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }) });
    fc.assert(
      fc.property(
        fc.array(layer, { minLength: 1, maxLength: 5 }),
        fc.double({ min: 1.01, max: 50, noNaN: true }),
        fc.integer(),
        (shapes, ratio, seed) => {
          const layers = shapes.map(({ shape }, i) => ({ name: `layer${i}`, shape }));
          const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
          const weights = layers.map(({ shape }, i) =>
            Float32Array.from({ length: size(shape) }, (_, j) => Math.sin(seed + 31 * i + j)),
          );
          const sensitivityOf = (name: string) => [{ kept: 1, damage: Number(name.slice(5)) }];
          const keeps = keepsFor({ rule, ratio }, layers, (name) => weights[Number(name.slice(5))], { sensitivityOf });
          expect(Object.values(keeps).reduce((a, b) => a + b, 0)).toBe(keptInAll(layers, ratio));
          for (const { name, shape } of layers) {
            expect(keeps[name]).toBeGreaterThanOrEqual(0);
            expect(keeps[name]).toBeLessThanOrEqual(size(shape));
          }
        },
      ),
    );
  });
});

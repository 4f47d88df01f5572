import { describe, expect, it } from 'vitest';
import { atMost } from '@prunegrid/numerics/constraints';

import { countLayers, nonZeroPositions, resultOf, survivorsOf } from './layers.js';

const parameter = (kind: 'weight' | 'bias', layer: string, offset: number, size: number) => ({
  ...{ kind, layer, offset, size },
  shape: [size],
});
/** Two layers of three and four weights, with a bias each. */
const model = {
  name: 'toy',
  size: 9,
  parameters: [
    parameter('weight', 'one', 0, 3),
    parameter('bias', 'one', 3, 1),
    parameter('weight', 'two', 4, 4),
    parameter('bias', 'two', 8, 1),
  ],
} as unknown as Parameters<typeof countLayers>[0];
const parameters = Float32Array.of(1, 0, -2, 7, -0, NaN, 0, 2 ** -149, 7);

describe('layers', () => {
  it('are counted without their biases, zeros of either sign left out', () => {
    expect(countLayers(model, parameters)).toEqual([
      { name: 'one', weights: 3, kept: 2 },
      { name: 'two', weights: 4, kept: 2 },
    ]);
  });

  it('compute the share that is kept of them, and what has no weights as before', () => {
    const counted = countLayers(model, parameters);
    const network = { layers: [{ name: 'one' }, { name: 'two' }] } as unknown as Parameters<typeof resultOf>[0];
    expect(resultOf(network, counted, { layers: [300, 40], other: 5 })).toEqual({
      layers: [
        { name: 'one', weights: 3, kept: 2, multiplyAccumulates: { dense: 300, pruned: 200 } },
        { name: 'two', weights: 4, kept: 2, multiplyAccumulates: { dense: 40, pruned: 20 } },
      ],
      total: { weights: 7, kept: 4, ratio: 1.75, multiplyAccumulates: { dense: 345, pruned: 225 } },
    });
    const total = { weights: 7, kept: 4, ratio: 1.75 };
    expect(resultOf(network, counted, undefined)).toEqual({ layers: counted, total });
    // Of a trainer that says something of another network.
    expect(resultOf(network, counted, { layers: [300], other: 5 })).toEqual({ layers: counted, total });
  });

  it('have the positions of their non-zeros as supports', () => {
    const layers = [
      { name: 'one', constraint: atMost(1), shape: [3], offset: 0, size: 3 },
      { name: 'two', constraint: atMost(1), shape: [4], offset: 4, size: 4 },
    ];
    expect(nonZeroPositions(parameters, layers)).toEqual(
      new Map([
        ['one', Uint32Array.of(0, 2)],
        ['two', Uint32Array.of(1, 3)],
      ]),
    );
  });

  it('are trained where they are kept, as a whole where they are not pruned, always with their biases', () => {
    const support = Uint32Array.of(0, 3);
    expect(survivorsOf(model, new Map([['two', support]]))).toEqual(Uint32Array.of(0, 1, 2, 3, 4, 7, 8));
    expect(survivorsOf(model, new Map())).toEqual(Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8));
  });
});

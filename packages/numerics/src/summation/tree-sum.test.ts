import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { coveringNodes, TreeSum } from './tree-sum.js';

const leaves = 8;
/** Magnitudes far apart, so that another order of summation gives other bits. */
const vectors = Array.from({ length: leaves }, (_, leaf) =>
  Float32Array.from({ length: 50 }, (_, i) => Math.sin(leaf * 50 + i) * 10 ** ((leaf * 7 + i) % 9)),
);

const sumOf = (parts: number[][]) => {
  const hub = new TreeSum();
  for (const part of parts) {
    const trainer = new TreeSum();
    for (const leaf of part) trainer.add(leaves + leaf, vectors[leaf].slice());
    for (const [node, sum] of trainer.nodes()) hub.add(node, sum);
  }
  return hub.total;
};

describe('TreeSum', () => {
  const whole = sumOf([[0, 1, 2, 3, 4, 5, 6, 7]]);

  it('gives the same bits however the leaves are dealt and whoever comes first', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...vectors.keys()], { minLength: leaves }),
        fc.uniqueArray(fc.integer({ min: 1, max: leaves - 1 })),
        (order, cuts) => {
          const bounds = [0, ...cuts.sort((a, b) => a - b), leaves];
          const parts = bounds.slice(1).map((end, i) => order.slice(bounds[i], end));
          expect(sumOf(parts)).toEqual(whole);
        },
      ),
    );
  });

  it('is a tree, not a running sum', () => {
    const running = vectors.reduce((sum, vector) => sum.map((value, i) => value + vector[i]));
    expect(running).not.toEqual(whole);
  });

  it('has no total while a leaf is missing', () => {
    expect(sumOf([[0, 1, 2, 3, 4, 5, 6]])).toBeUndefined();
  });
});

describe('coveringNodes', () => {
  it('names the nodes that a TreeSum of these leaves ends with', () => {
    for (let first = 0; first < leaves; first++) {
      for (let count = 0; first + count <= leaves; count++) {
        const tree = new TreeSum();
        for (let leaf = first; leaf < first + count; leaf++) tree.add(leaves + leaf, vectors[leaf].slice());
        expect(coveringNodes(first, count, leaves)).toEqual(tree.nodes().map(([node]) => node));
      }
    }
  });
});

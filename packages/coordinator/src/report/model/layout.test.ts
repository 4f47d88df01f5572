import fc from 'fast-check';
import { expect, it } from 'vitest';

import { layOutGraph } from './layout.js';

it('puts a chain in one lane, and a branch beside it', () => {
  // 0 - 1 - 2 - 4, with 1 - 3 - 4 beside 2 and a shortcut from 0 to 4.
  const { places, edges, rows } = layOutGraph([[], [0], [1], [1], [0, 2, 3]]);
  expect(places).toEqual([
    { row: 0, lane: 0 },
    { row: 1, lane: 0 },
    { row: 2, lane: 0 },
    { row: 2, lane: 1 },
    { row: 3, lane: 0 },
  ]);
  expect(edges.at(-1)).toEqual({ from: 0, to: 4, lane: 2 });
  expect(rows).toBe(4);
});

it('never puts two things in one place, nor a part above what it reads', () => {
  const graphs = fc
    .array(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), { maxLength: 30 })
    .map((drawn) => [[], ...drawn.map((own, i) => [...new Set(own.map((number) => number % (i + 1)))])]);
  fc.assert(
    fc.property(graphs, (reads) => {
      const { places, edges } = layOutGraph(reads);
      const taken = new Set<string>();
      const take = (lane: number, row: number) => {
        expect(taken.has(`${lane} ${row}`)).toBe(false);
        taken.add(`${lane} ${row}`);
      };
      for (const { lane, row } of places) take(lane, row);
      for (const { from, to, lane = -1 } of edges) {
        expect(places[from].row).toBeLessThan(places[to].row);
        for (let row = places[from].row + 1; row < places[to].row; row++) take(lane, row);
      }
    }),
  );
});

import { expect, it } from 'vitest';

import { roundsOf } from './rounds.js';

it('rounds end at the same steps wherever one begins', () => {
  const ends = (first: number, steps: number, every: number) =>
    roundsOf(first, steps, every).map((round) => round.first + round.count);
  expect(ends(0, 10, 4)).toEqual([4, 8, 10]);
  expect(ends(4, 6, 4)).toEqual([8, 10]);
  expect(ends(10, 10, 4)).toEqual([12, 16, 20]);
  expect(ends(3, 2, 1)).toEqual([4, 5]);
  expect(roundsOf(5, 0, 4)).toEqual([]);
});

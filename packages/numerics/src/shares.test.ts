import { expect, it } from 'vitest';

import { slicesOf } from './shares.js';

it('slices cover the vector, in order, and begin at even elements', () => {
  for (const trainers of [1, 2, 3, 7]) {
    const slices = slicesOf(300_007, trainers);
    expect(slices[0].from).toBe(0);
    expect(slices.at(-1)?.to).toBe(300_007);
    expect(slices.filter(({ from }) => from % 2 !== 0)).toEqual([]);
    slices.slice(1).forEach(({ from }, i) => expect(from).toBe(slices[i].to));
  }
});

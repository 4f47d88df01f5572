import { expect, it } from 'vitest';

import { nextSweeps } from './order.js';

const sweep = (name: string, user: string, status: 'queued' | 'active' | 'ended' = 'queued') => ({
  name,
  user,
  status,
});
const names = (sweeps: { name: string }[]) => sweeps.map(({ name }) => name);

it('takes one sweep of each user, first come, first served', () => {
  const sweeps = [sweep('a1', 'ann'), sweep('a2', 'ann'), sweep('b1', 'bob'), sweep('c1', 'cyd')];
  expect(names(nextSweeps(sweeps, 4))).toEqual(['a1', 'b1', 'c1']);
  expect(names(nextSweeps(sweeps, 2))).toEqual(['a1', 'b1']);
});

it("counts those that are active, and lets a user's next one in when the last has ended", () => {
  const sweeps = [sweep('a1', 'ann', 'ended'), sweep('b1', 'bob', 'active'), sweep('b2', 'bob'), sweep('a2', 'ann')];
  expect(names(nextSweeps(sweeps, 4))).toEqual(['a2']);
  expect(nextSweeps(sweeps, 1)).toEqual([]);
});

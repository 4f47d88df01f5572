import { describe, expect, it } from 'vitest';

import { nextSweeps, sweepsToPreempt } from './order.js';

type Status = 'queued' | 'active' | 'preempting' | 'ended';

const sweep = (name: string, user: string, status: Status = 'queued', begun = true) => ({ name, user, status, begun });
const names = (sweeps: { name: string }[]) => sweeps.map(({ name }) => name);
const using = (uses: Record<string, number>) => (user: string) => uses[user] ?? 0;
const alike = using({});

describe('nextSweeps', () => {
  it('takes one sweep of each user, first come, first served', () => {
    const sweeps = [sweep('a1', 'ann'), sweep('a2', 'ann'), sweep('b1', 'bob'), sweep('c1', 'cyd')];
    expect(names(nextSweeps(sweeps, 4, alike))).toEqual(['a1', 'b1', 'c1']);
    expect(names(nextSweeps(sweeps, 2, alike))).toEqual(['a1', 'b1']);
  });

  it('takes that of the user first who has used the least', () => {
    const sweeps = [sweep('a1', 'ann'), sweep('b1', 'bob'), sweep('c1', 'cyd')];
    expect(names(nextSweeps(sweeps, 2, using({ ann: 3, bob: 2, cyd: 1 })))).toEqual(['c1', 'b1']);
  });

  it("counts those that have a place, and lets a user's next one in when the last has ended", () => {
    const sweeps = [sweep('a1', 'ann', 'ended'), sweep('b1', 'bob', 'active'), sweep('b2', 'bob'), sweep('a2', 'ann')];
    expect(names(nextSweeps(sweeps, 4, alike))).toEqual(['a2']);
    expect(nextSweeps(sweeps, 1, alike)).toEqual([]);
    expect(nextSweeps([sweep('b1', 'bob', 'preempting'), sweep('a2', 'ann')], 1, alike)).toEqual([]);
  });
});

describe('sweepsToPark', () => {
  const active = [sweep('a1', 'ann', 'active'), sweep('b1', 'bob', 'active')];
  const use = using({ ann: 5, bob: 9, cyd: 5, dan: 5, eve: 9 });

  it('parks that of the user who has used the most, for one who has used less', () => {
    expect(names(sweepsToPreempt([...active, sweep('c1', 'cyd')], 2, use))).toEqual(['b1']);
    expect(sweepsToPreempt([...active, sweep('e1', 'eve')], 2, use)).toEqual([]);
  });

  it('parks one for each user who waits, as long as that is fair', () => {
    expect(names(sweepsToPreempt([...active, sweep('c1', 'cyd'), sweep('c2', 'cyd')], 2, use))).toEqual(['b1']);
    const two = [...active, sweep('c1', 'cyd'), sweep('d1', 'dan')];
    expect(names(sweepsToPreempt(two, 2, use))).toEqual(['b1']);
    expect(names(sweepsToPreempt(two, 2, using({ ann: 6, bob: 9, cyd: 5, dan: 5 })))).toEqual(['b1', 'a1']);
  });

  it('parks none while there is a place, or one is about to be free', () => {
    expect(sweepsToPreempt([...active, sweep('c1', 'cyd')], 3, use)).toEqual([]);
    expect(sweepsToPreempt([sweep('a1', 'ann', 'preempting'), active[1], sweep('c1', 'cyd')], 2, use)).toEqual([]);
  });

  it('parks none for a user who has a place, and none that has not done anything with it yet', () => {
    expect(sweepsToPreempt([...active, sweep('a2', 'ann')], 2, use)).toEqual([]);
    expect(sweepsToPreempt([sweep('b1', 'bob', 'active', false), sweep('c1', 'cyd')], 1, use)).toEqual([]);
  });
});

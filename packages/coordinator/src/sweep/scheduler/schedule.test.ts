import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { shareOut } from './schedule.js';

const ready = (count: number, most = 4) => Array.from({ length: count }, () => ({ most }));

describe('shareOut', () => {
  it('gives each of many a trainer, and a few several', () => {
    expect(shareOut({ free: 2, ready: ready(12) })).toEqual([1, 1]);
    expect(shareOut({ free: 2, ready: ready(1) })).toEqual([2]);
    expect(shareOut({ free: 8, ready: ready(3) })).toEqual([2, 3, 3]);
  });

  it('gives nobody more than it can use', () => {
    expect(shareOut({ free: 8, ready: ready(1) })).toEqual([4]);
  });

  it('gives a fixed number all at once or not at all', () => {
    expect(shareOut({ free: 5, ready: ready(3), each: 2 })).toEqual([2, 2]);
    expect(shareOut({ free: 1, ready: ready(3), each: 2 })).toEqual([]);
  });

  it('gives nobody more of a fixed number than it can use', () => {
    expect(shareOut({ free: 5, ready: [{ most: 2 }, { most: 4 }, { most: 1 }], each: 3 })).toEqual([2, 3]);
    expect(shareOut({ free: 6, ready: [{ most: 2 }, { most: 4 }, { most: 1 }], each: 3 })).toEqual([2, 3, 1]);
  });

  it('never lends more than is free, and leaves nothing idle that could work', () => {
    fc.assert(
      fc.property(fc.nat(32), fc.nat(40), fc.integer({ min: 1, max: 8 }), (free, count, most) => {
        const shares = shareOut({ free, ready: ready(count, most) });
        const lent = shares.reduce((sum, share) => sum + share, 0);
        expect(lent).toBe(Math.min(free, count * most));
        expect(shares.every((share) => share >= 1 && share <= most)).toBe(true);
      }),
    );
  });
});

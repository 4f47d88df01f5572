import { describe, expect, it } from 'vitest';

import { inTurns, median } from './rounds.js';

describe('median', () => {
  it('is the middle, or lies halfway between the two there', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 9, 1, 5])).toBe(7);
  });
});

describe('inTurns', () => {
  it('compares within a round, so that a slow round changes no ratio', async () => {
    const speeds = [1, 10, 4];
    const turns: string[] = [];
    const contender = (name: string, factor: number) => () => {
      turns.push(name);
      return factor * speeds[Math.floor((turns.length - 1) / 2)];
    };
    const rounds = await inTurns(
      3,
      new Map([
        ['a', contender('a', 3)],
        ['b', contender('b', 2)],
      ] as const),
    );
    expect(turns.join('')).toBe('abbaab');
    expect(rounds.ratio('a', 'b')).toBe(1.5);
    expect(rounds.median('b')).toBe(8);
  });
});

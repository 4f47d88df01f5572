import { describe, expect, it } from 'vitest';

import { oddOnes, SlowTrainers } from './outliers.js';

describe('trainers with other weights', () => {
  it('are those that differ from most', () => {
    expect(oddOnes(['a', 'a', 'a'])).toEqual({ odd: [], reference: 0, isMinority: true });
    expect(oddOnes(['b', 'a', 'a'])).toEqual({ odd: [0], reference: 1, isMinority: true });
    expect(oddOnes(['a', 'b', 'a', 'c', 'a'])).toEqual({ odd: [1, 3], reference: 0, isMinority: true });
  });

  it('cannot be told where none are most', () => {
    expect(oddOnes(['a', 'b'])).toEqual({ odd: [1], reference: 0, isMinority: false });
    expect(oddOnes(['a', 'a', 'b', 'b'])).toEqual({ odd: [2, 3], reference: 0, isMinority: false });
  });
});

describe('a trainer for which the others wait', () => {
  const after = (seconds: number, computing: number[], counts: number[]) => {
    const lines: string[] = [];
    const trainers = computing.map((_, i) => ({ name: `trainer ${i + 1}` }));
    const slow = new SlowTrainers(trainers, (line) => lines.push(line));
    const trained = computing.map((computingSeconds) => ({ computingSeconds }));
    const shares = counts.map((count) => ({ count }));
    for (let twice = 0; twice < 2; twice++) slow.look(trained, shares, seconds);
    return lines;
  };

  it('is named once, with its share of the step', () => {
    expect(after(10, [2, 8, 2], [1, 1, 1])).toEqual([
      'trainer 2: computes 4.0 times as long as others on a micro-batch, 80 % of each step: they wait for it',
    ]);
  });

  it('is not one that has more to do, and none is judged by little', () => {
    expect(after(10, [3, 6], [1, 2])).toEqual([]);
    expect(after(10, [3, 5, 0], [1, 1, 0])).toEqual([]);
    expect(after(1, [0.1, 0.9], [1, 1])).toEqual([]);
    expect(after(10, [0], [4])).toEqual([]);
  });
});

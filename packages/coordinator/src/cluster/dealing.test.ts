import { describe, expect, it } from 'vitest';

import { Dealing } from './dealing.js';

/** Trains in stretches of some seconds, in which trainer i takes `times[i]` for a micro-batch. */
function dealing(trainers: number, microBatches: number, isFixed = false) {
  const lines: string[] = [];
  const names = Array.from({ length: trainers }, (_, i) => ({ name: `trainer ${i + 1}` }));
  const dealer = new Dealing(names, (line) => lines.push(line));
  const shares = () => dealer.sharesOf(microBatches, isFixed);
  const stretch = (times: readonly number[], steps = 10) => {
    const now = shares();
    const trained = now.map((count, rank) => ({ computingSeconds: steps * count * times[rank] }));
    dealer.learn(trained, now, 1.25 * Math.max(...trained.map(({ computingSeconds }) => computingSeconds)), isFixed);
  };
  return { lines, shares, stretch };
}

describe('micro-batches', () => {
  it('are dealt evenly as long as trainers are about as fast as each other', () => {
    const { lines, shares, stretch } = dealing(3, 8);
    expect(shares()).toEqual([2, 3, 3]);
    stretch([1, 1.15, 1.1]);
    expect(shares()).toEqual([2, 3, 3]);
    expect(lines).toEqual([]);
  });

  it('are taken off a slow trainer, which is named, and given back', () => {
    const { lines, shares, stretch } = dealing(2, 8);
    stretch([1, 3]);
    expect(shares()).toEqual([6, 2]);
    stretch([1, 3]);
    expect(shares()).toEqual([6, 2]);
    stretch([1, 1]);
    expect(shares()).toEqual([4, 4]);
    expect(lines).toEqual([
      'trainer 2: computes 3.0 times as long as others on a micro-batch, 80 % of each step: it gets 2 of 8 micro-batches, not 4',
      'trainer 2: is faster than it was, and gets 4 of 8 micro-batches again',
    ]);
  });

  it('are never all taken off a trainer, whose recovery would not be seen', () => {
    const { shares, stretch } = dealing(3, 6);
    stretch([50, 1, 1]);
    expect(shares()).toEqual([1, 3, 2]);
  });

  it('go to the trainer that is faster where they cannot be dealt evenly', () => {
    const { lines, shares, stretch } = dealing(3, 4);
    expect(shares()).toEqual([1, 1, 2]);
    stretch([1, 1, 1.4]);
    expect(shares()).toEqual([2, 1, 1]);
    expect(lines).toEqual([]);
  });

  it('are dealt anew by what has been seen for some time', () => {
    const { shares, stretch } = dealing(2, 8);
    for (let i = 0; i < 3; i++) {
      expect(shares()).toEqual([4, 4]);
      // 1.5 seconds each
      stretch([0.01, 0.03]);
    }
    stretch([0.01, 0.03]);
    expect(shares()).toEqual([6, 2]);
  });

  it('stay where they are if trainers hold what belongs to them', () => {
    const { lines, shares, stretch } = dealing(2, 8, true);
    for (let i = 0; i < 3; i++) stretch([1, 4]);
    expect(shares()).toEqual([4, 4]);
    expect(lines).toEqual([
      'trainer 2: computes 4.0 times as long as others on a micro-batch, 80 % of each step: they wait for it',
    ]);
  });

  it('stay where they are if there are fewer than trainers, or if nothing is computed', () => {
    const few = dealing(4, 2);
    few.stretch([9, 1, 1, 1]);
    expect(few.shares()).toEqual([0, 1, 0, 1]);
    const idle = dealing(2, 4);
    idle.stretch([0, 0]);
    expect([idle.shares(), idle.lines]).toEqual([[2, 2], []]);
  });
});

it('a trainer with one micro-batch for which the others wait is named once', () => {
  const { lines, stretch } = dealing(3, 3);
  for (let i = 0; i < 3; i++) stretch([1, 4, 1]);
  expect(lines).toEqual([
    'trainer 2: computes 4.0 times as long as others on a micro-batch, 80 % of each step: they wait for it',
  ]);
});

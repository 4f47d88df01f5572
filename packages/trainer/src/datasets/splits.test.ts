import { describe, expect, it } from 'vitest';

import type { DatasetChoice } from './choice.js';
import type { Examples, Split } from './dataset.js';
import { cutParts } from './splits.js';

/** Examples whose only value and whose label are their number. */
const examples = (count: number, first = 0): Examples => ({
  inputs: Int32Array.from({ length: count }, (_, i) => first + i),
  labels: Uint8Array.from({ length: count }, (_, i) => first + i),
  count,
});
const cut = (choice: Omit<DatasetChoice, 'name'>, own: { validation?: Examples; test?: Examples } = {}) =>
  cutParts('data', { training: examples(20), ...own }, { name: 'data', ...choice });
const numbers = ({ resident }: Split) => [...resident!.inputs];
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('cutParts', () => {
  it('cuts the last examples off, the test part last of all, by number or by share of the whole', () => {
    for (const choice of [
      { validation: 3, test: 4 },
      { validation: 0.15, test: 0.2 },
    ]) {
      const parts = cut(choice);
      expect(numbers(parts.training)).toEqual(range(0, 13));
      expect(numbers(parts.validation)).toEqual(range(13, 16));
      expect(numbers(parts.test)).toEqual(range(16, 20));
      expect(parts.origin).toEqual({ validation: 'last of 16', test: 'last of 20' });
    }
  });

  it('holds out a tenth by default, and one example at least', () => {
    expect(numbers(cut({ test: 0.001 }).test)).toEqual([19]);
    expect(numbers(cut({ test: 1 }).validation)).toEqual([17, 18]);
  });

  it('shuffles by the seed: the same examples in each part every time, each in one of them', () => {
    const of = (seed: number) => {
      const { training, validation, test } = cut({ validation: 3, test: 4, split: { seed } });
      return [training, validation, test].map(numbers);
    };
    expect(of(1)).toEqual(of(1));
    expect(of(2)).not.toEqual(of(1));
    expect(of(1).map(({ length }) => length)).toEqual([13, 3, 4]);
    expect(
      of(1)
        .flat()
        .sort((a, b) => a - b),
    ).toEqual(range(0, 20));
    const { resident } = cut({ validation: 3, test: 4, split: { seed: 1 } }).training;
    expect([...resident!.labels]).toEqual([...resident!.inputs]);
    expect(cut({ validation: 3, test: 4, split: { seed: 1 } }).origin?.test).toBe('drawn from 20 by seed 1');
  });

  it('takes the parts that the data set has, and limits what it trains and tests on', () => {
    const own = { validation: examples(2, 100), test: examples(5, 200) };
    const parts = cut({ limit: 4 }, own);
    expect([parts.training, parts.validation, parts.test].map(numbers)).toEqual([
      range(0, 4),
      range(100, 102),
      range(200, 204),
    ]);
    expect(parts.origin).toEqual({ validation: 'own part', test: 'own part' });
    expect(cut({ validation: 3, split: { seed: 1 } }, own && { test: own.test }).training.count).toBe(17);
  });

  it.each([
    [{ validation: 20, test: 1 }, {}, 'dataset.validation: 20 held out of 20 leaves none'],
    [{ validation: 5, test: 15 }, {}, 'dataset.test: 15 held out of 20 beside 5 of another part leaves none'],
    [{ validation: 1 }, {}, 'dataset.test: data has no such part: say how many examples become it, such as test: 0.1'],
    [
      { validation: 1, test: 1 },
      { test: examples(2) },
      'dataset.test: data has such a part of its own: leave the key out',
    ],
    [{ validation: '/v.npz', test: 1 }, {}, 'dataset.validation: data takes no file beside its own'],
  ])('refuses %j', (choice, own, message) => {
    expect(() => cut(choice, own)).toThrow(message);
  });
});

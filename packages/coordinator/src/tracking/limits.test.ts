import { describe, expect, it } from 'vitest';
import { batches, batchLimits, cutTo, safeKey, type Batch } from './limits.js';

const entries = (count: number, size = 1) =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: 'x'.repeat(size) }));
const metrics = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ key: 'loss', value: 1 / i, timestamp: 1_700_000_000_000 + i, step: i }));

describe('batches', () => {
  it('stays within every limit and loses nothing', () => {
    const all: Batch = { params: entries(250, 6000), tags: entries(120, 8000), metrics: metrics(3500) };
    const dealt = batches(all);
    for (const batch of dealt) {
      expect(batch.params.length).toBeLessThanOrEqual(batchLimits.params);
      expect(batch.tags.length).toBeLessThanOrEqual(batchLimits.tags);
      expect(batch.params.length + batch.tags.length + batch.metrics.length).toBeLessThanOrEqual(batchLimits.items);
      const body = JSON.stringify({ run_id: 'f'.repeat(32), ...batch });
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(batchLimits.bytes);
    }
    expect(dealt.flatMap(({ params }) => params)).toEqual(all.params);
    expect(dealt.flatMap(({ tags }) => tags)).toEqual(all.tags);
    expect(dealt.flatMap((batch) => batch.metrics)).toEqual(all.metrics);
  });

  it('fills a batch before it begins another', () => {
    expect(batches({ params: [], tags: [], metrics: metrics(2000) }).map((batch) => batch.metrics.length)).toEqual([
      1000, 1000,
    ]);
    expect(batches({ params: [], tags: [], metrics: [] })).toEqual([]);
  });
});

describe('safeKey', () => {
  it('leaves good keys alone', () => {
    for (const key of ['admm/conv1/rho', 'dense.learningRate.max', 'a b-c_d']) expect(safeKey(key)).toBe(key);
  });

  it('changes the others within the rules, and differently', () => {
    const bad = ['a:b', 'a;b', 'ä', '/a', 'a//b', 'a/../b', './a', '', 'x'.repeat(251), `${'x'.repeat(251)}y`];
    const safe = bad.map(safeKey);
    for (const key of safe) {
      expect(key).toMatch(/^[\w\-. /]{1,250}$/);
      for (const part of key.split('/')) expect(['', '.', '..']).not.toContain(part);
    }
    expect(new Set(safe).size).toBe(bad.length);
  });
});

describe('cutTo', () => {
  it('says that it cut', () => {
    expect(cutTo(50, 'short')).toBe('short');
    const cut = cutTo(50, 'x'.repeat(51));
    expect(cut).toHaveLength(50);
    expect(cut).toMatch(/x \.\.\. \[cut: 51 characters\]$/);
  });

  it('never splits a character', () => {
    for (const length of [50, 51])
      expect(cutTo(length, '😀'.repeat(50))).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
  });
});

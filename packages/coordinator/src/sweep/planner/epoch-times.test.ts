import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Spec } from '../../experiment/spec.js';
import type { JournalRecord } from '../../training/records.js';
import { epochTimesOf, estimateSeconds, measuredTimes, rememberEpochTimes } from './epoch-times.js';
import type { Trial } from './plan.js';

const spec = (batch = 128): Spec =>
  ({
    method: 'admm',
    model: 'lenet5',
    dataset: { name: 'mnist', validation: 5000, shift: 0 },
    batch: { global: batch, microBatches: 4 },
    threadsPerTrainer: 1,
    dense: { epochs: 4 },
    admm: { iterations: 8, epochsPerIteration: 2 },
    retrain: { epochs: 24 },
  }) as Spec;
const trial = (denseKey: string, batch?: number, method: string = 'admm'): Trial =>
  ({ spec: { ...spec(batch), method }, denseKey }) as Trial;
const times = { dense: 10, prune: 20, retrain: 5 };

const event = (time: number, type: string, phase: string): JournalRecord =>
  ({ seq: 0, time, type, phase }) as unknown as JournalRecord;
const started = (method: string): JournalRecord =>
  ({ seq: 0, time: 0, type: 'run-started', manifest: { trainers: 2, spec: { ...spec(), method } } }) as JournalRecord;
const journal = [
  started('admm'),
  ...['dense', 'prune', 'retrain'].flatMap((phase, i) => [
    event(i * 100_000, 'phase-started', phase),
    event(i * 100_000 + 3_000, 'epoch-finished', phase),
    event(i * 100_000 + 4_000 + 2_000 * i, 'epoch-finished', phase),
  ]),
];

it('are measured from the journal, as if one trainer did the work of all', () => {
  expect(epochTimesOf(journal)).toEqual({ dense: 4, prune: 6, retrain: 8 });
  expect(epochTimesOf(journal.slice(0, -2))).toBeUndefined();
  expect(epochTimesOf([])).toBeUndefined();
  expect(epochTimesOf([started('gradual'), ...journal.slice(1)])).toBeUndefined();
});

describe('an estimate', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prunegrid-times-'));
    vi.stubEnv('PRUNEGRID_CACHE', folder);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  it('counts shared dense training once and divides by the trainers', async () => {
    await rememberEpochTimes(spec(), times);
    const measured = await measuredTimes();
    // 4 * 10 dense, 16 * 20 ADMM and 24 * 5 retraining.
    expect(estimateSeconds([trial('a')], 1, measured)).toBe(480);
    expect(estimateSeconds([trial('a'), trial('a')], 2, measured)).toBe(460);
    expect(estimateSeconds([trial('a'), trial('b')], 2, measured)).toBe(480);
    // All 40 epochs after dense training retrain.
    expect(estimateSeconds([trial('a', 128, 'magnitude')], 1, measured)).toBe(240);
    expect(estimateSeconds([trial('a', 128, 'gradual')], 1, measured)).toBe(480);
  });

  it('is not made where a trial is unlike all that was measured', async () => {
    expect(estimateSeconds([trial('a')], 1, await measuredTimes())).toBeUndefined();
    await rememberEpochTimes(spec(), times);
    expect(estimateSeconds([trial('a'), trial('b', 64)], 1, await measuredTimes())).toBeUndefined();
    await rememberEpochTimes(spec(64), times);
    expect(estimateSeconds([trial('a'), trial('b', 64)], 1, await measuredTimes())).toBe(960);
  });

  it('is done without where the file of times is damaged or cannot be written', async () => {
    await writeFile(join(folder, 'epoch-times.json'), '{');
    expect(await measuredTimes()).toEqual({});
    vi.stubEnv('PRUNEGRID_CACHE', join(folder, 'epoch-times.json', 'below-a-file'));
    await rememberEpochTimes(spec(), times);
    expect(await measuredTimes()).toEqual({});
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';
import type { Host } from '@prunegrid/core/runtime';

import type { Spec } from '../../experiment/spec.js';
import type { JournalRecord } from '../../training/records.js';
import { epochTimesOf, estimateSeconds, measuredTimes, rememberEpochTimes } from './epoch-times.js';
import type { Trial } from './plan-format.js';

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
  let runtime: Host;
  const warnings: string[] = [];
  const warn = (line: string) => void warnings.push(line);
  const inFolder = (cache: string): Host => ({ ...nodeHost, files: { ...nodeHost.files, cacheFolder: () => cache } });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prunegrid-times-'));
    runtime = inFolder(folder);
    warnings.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('counts shared dense training once and divides by the trainers', async () => {
    await rememberEpochTimes(runtime, spec(), times, warn);
    const measured = await measuredTimes(runtime, warn);
    // 4 * 10 dense, 16 * 20 ADMM and 24 * 5 retraining.
    expect(estimateSeconds([trial('a')], 1, measured, runtime.machine)).toBe(480);
    expect(estimateSeconds([trial('a'), trial('a')], 2, measured, runtime.machine)).toBe(460);
    expect(estimateSeconds([trial('a'), trial('b')], 2, measured, runtime.machine)).toBe(480);
    // All 40 epochs after dense training retrain.
    expect(estimateSeconds([trial('a', 128, 'magnitude')], 1, measured, runtime.machine)).toBe(240);
    expect(estimateSeconds([trial('a', 128, 'gradual')], 1, measured, runtime.machine)).toBe(480);
    expect(warnings).toEqual([]);
  });

  it('is not made if a trial, or the processor, is unlike all that was measured', async () => {
    const measured = () => measuredTimes(runtime, warn);
    expect(estimateSeconds([trial('a')], 1, await measured(), runtime.machine)).toBeUndefined();
    await rememberEpochTimes(runtime, spec(), times, warn);
    expect(estimateSeconds([trial('a'), trial('b', 64)], 1, await measured(), runtime.machine)).toBeUndefined();
    await rememberEpochTimes(runtime, spec(64), times, warn);
    expect(estimateSeconds([trial('a'), trial('b', 64)], 1, await measured(), runtime.machine)).toBe(960);
    const other = { ...runtime.machine, processor: 'another' };
    expect(estimateSeconds([trial('a')], 1, await measured(), other)).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it.each([
    ['is damaged', '{', /is damaged: it is not JSON; remove it/],
    ['holds something else', '{"format":"prunegrid.epoch-times","version":1,"times":{"a":1}}', /is damaged: times\.a/],
    [
      'is of another version',
      '{"format":"prunegrid.epoch-times","version":3}',
      /has version 3 of prunegrid\.epoch-times/,
    ],
    ['is from before versions', '{"a":{"dense":1,"prune":1,"retrain":1}}', /was written by an earlier prunegrid/],
  ])('is done without, after a warning, if the file of times %s', async (_, text, warning) => {
    await writeFile(join(folder, 'epoch-times-v2.json'), text);
    expect(await measuredTimes(runtime, warn)).toEqual({});
    expect(warnings).toEqual([expect.stringMatching(warning)]);
    // The next run replaces it.
    await rememberEpochTimes(runtime, spec(), times, () => undefined);
    expect(estimateSeconds([trial('a')], 1, await measuredTimes(runtime, warn), runtime.machine)).toBe(480);
    expect(warnings).toHaveLength(1);
  });

  it('costs a warning, and no failure, if the file of times cannot be written', async () => {
    await writeFile(join(folder, 'a-file'), '');
    const broken = inFolder(join(folder, 'a-file', 'below'));
    await rememberEpochTimes(broken, spec(), times, warn);
    expect(warnings).toEqual([expect.stringMatching(/^later plans cannot estimate/)]);
    expect(await measuredTimes(broken, warn)).toEqual({});
  });
});

import { nodeHost } from '@prunegrid/core/node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleSweepManifest } from '../../../../test/mlflow/sample-sweep.js';
import { Journal } from '../journal/journal.js';
import { sweepJournal } from '../sweep/journal-format.js';
import type { SweepEvent } from '../sweep/records.js';
import { SweepParts } from './sweep-parts.js';

let folder: string;
let journal: Journal<SweepEvent>;
let time: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-parts-'));
  time = 0;
  journal = await Journal.create(
    { ...nodeHost, clock: { ...nodeHost.clock, now: () => ++time } },
    folder,
    sweepJournal,
  );
  await journal.append({ type: 'sweep-started', manifest: sampleSweepManifest('id') });
});
afterEach(async () => {
  await journal.close();
  await rm(folder, { recursive: true, force: true });
});

const trial = (place: string): SweepEvent => ({
  type: 'trial-started',
  trial: 1,
  attempt: 1,
  settings: {},
  seed: 0,
  folder: place,
  runId: 'r',
  trainers: [1],
});

describe("a sweep's parts", () => {
  it('are the runs of its journal, as far as it has come, without those that are done with', async () => {
    const parts = new SweepParts(nodeHost, folder);
    expect(await parts.pending()).toEqual([]);
    await journal.append({
      type: 'dense-started',
      key: 'k',
      attempt: 1,
      folder: 'dense/k/attempt-1',
      runId: 'd',
      trainers: [1],
    });
    await journal.append(trial('trials/1/attempt-1'));
    const [dense, first] = await parts.pending();
    expect([dense, first]).toEqual([
      { folder: 'dense/k/attempt-1', overSince: null, resumed: false },
      { folder: 'trials/1/attempt-1', overSince: null, resumed: false },
    ]);
    parts.done(dense);
    await journal.append(trial('trials/1/attempt-2'));
    expect((await parts.pending()).map((part) => part.folder)).toEqual(['trials/1/attempt-1', 'trials/1/attempt-2']);
  });

  it('are over when the coordinator has ended, or another one goes on', async () => {
    await journal.append(trial('trials/a/attempt-1'));
    await journal.append({ type: 'sweep-resumed', commandLine: [], again: [], added: 0 });
    await journal.append(trial('trials/b/attempt-1'));
    expect(await new SweepParts(nodeHost, folder).pending()).toEqual([
      { folder: 'trials/a/attempt-1', overSince: 3, resumed: false },
      { folder: 'trials/b/attempt-1', overSince: null, resumed: false },
    ]);
    await journal.append({ type: 'sweep-interrupted', reason: 'SIGINT' });
    expect((await new SweepParts(nodeHost, folder).pending()).map(({ overSince }) => overSince)).toEqual([3, 5]);
  });

  it('are over when the sweep says so, and not any more when they go on', async () => {
    await journal.append(trial('trials/a/attempt-1'));
    await journal.append({ type: 'trial-failed', trial: 1, attempt: 1, kind: 'trainers', message: '', again: true });
    const parts = new SweepParts(nodeHost, folder);
    const [over] = await parts.pending();
    expect(over).toEqual({ folder: 'trials/a/attempt-1', overSince: 3, resumed: false });
    parts.done(over);
    await journal.append({ ...trial('trials/a/attempt-1'), resumedAt: 5 } as SweepEvent);
    expect(await parts.pending()).toEqual([{ folder: 'trials/a/attempt-1', overSince: null, resumed: true }]);
  });

  it.each(['/etc', '../other', 'trials/../../other'])('do not lie elsewhere: %s', async (place) => {
    await journal.append(trial(place));
    await expect(new SweepParts(nodeHost, folder).pending()).rejects.toThrow(
      /journal\.jsonl:2 is no record of a prunegrid.sweep-journal: trial-started: folder: is no folder of a run in a sweep/,
    );
  });
});

import { nodeHost } from '@prunegrid/core/node';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Failure } from '@prunegrid/core/failure';
import { sampleManifest } from '../../../../test/mlflow/sample-run.js';
import type { TrainerGroup } from '../cluster/index.js';
import { Journal } from '../journal/journal.js';
import { journalFile, readJournal } from '../journal/reading.js';
import { type JournaledRun, runJournaled } from './job.js';
import { Projector } from './projecting/index.js';
import { type RunEvent, runJournal, type RunResult } from './records.js';
import { readResumeState, replay, ReplayMismatch } from './resume-state.js';
import { Paused, Stopped } from './run.js';
import { readSnapshot, type Snapshot, writeSnapshot } from './snapshot.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-resume-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const snapshotAt = (seq: number): Snapshot => ({
  ...{ seq, phase: 'dense', steps: 1, optimizerSteps: 1, totalEpochs: 0, totalStep: seq, seconds: 1 },
  epoch: { steps: 1, loss: 1, correct: 1, seconds: 1, weightsHash: 'ab' },
  ...{ W: Float32Array.of(1, 2), moments: [], residuals: [], own: { tensors: {} } },
});
const units = (count: number): RunEvent => ({ type: 'dead-units', layer: 'conv1', units: count, of: 20 });
const { spec } = sampleManifest('id');
/** A trainer that does nothing. No other will come. */
const idler = {
  number: 1,
  hello: { host: 'here', pid: 1 },
  ready: { engine: 'none', device: 'CPU', datasetHash: sampleManifest('id').dataset.sha256 },
};
const group = { trainers: [idler] } as unknown as TrainerGroup;
const trainers: JournaledRun['trainers'] = {
  lateMessages: 0,
  lead: (work) => work(group),
  reform: async (cause) => {
    throw cause;
  },
};

describe('the snapshots of a run', () => {
  const run = {
    ...{ runtime: nodeHost, runId: 'id', spec, specFile: 'a.yaml', extensions: [], trainers },
    ...{ projector: new Projector(nodeHost), checkLock: () => Promise.resolve() },
  };
  /** What a run leaves of its snapshots that ends in this way. */
  async function leftBy(end: () => unknown): Promise<string[]> {
    await mkdir(join(folder, 'checkpoints'));
    const journal = await Journal.create(nodeHost, folder, runJournal);
    await journal.append({ type: 'run-started', manifest: sampleManifest('id') });
    await journal.close();
    await writeSnapshot(nodeHost, folder, 'a', snapshotAt(1));
    const { resumeState } = await readResumeState(nodeHost, folder);
    await runJournaled({ ...run, folder, resumeState }, async (context) => {
      await context.journal.append(units(1));
      await writeSnapshot(nodeHost, folder, 'b', snapshotAt(context.journal.nextSeq));
      return end();
    }).catch(() => undefined);
    return readdir(join(folder, 'checkpoints'));
  }
  const fails = (error: Error) => () => {
    throw error;
  };

  it.each([
    ['finished', () => 'done'],
    ['been stopped by its sweep', fails(new Stopped('others do better'))],
  ])('go when it has %s', async (_, end) => {
    expect(await leftBy(end)).toEqual([]);
  });

  it.each([
    ['a loss that is not finite', fails(new Failure('training', 'the loss is NaN'))],
    ['a trainer that has gone', fails(new Failure('trainers', 'trainer 1 is gone'))],
    ['a full disk', fails(new Failure('environment', 'the disk is full'))],
    ['a replay that differs', fails(new ReplayMismatch('trainers', 'it differs'))],
    ['a fault of the program', fails(new Error('no such thing'))],
    ['an interruption', fails(new Paused('later'))],
  ])('stay after %s', async (reason, end) => {
    expect(await leftBy(end)).toEqual(['snapshot-a.safetensors', 'snapshot-b.safetensors']);
    const { resumeState, problems } = await readResumeState(nodeHost, folder);
    expect(resumeState).toMatchObject({ generation: 'b', diverged: reason.includes('differs') });
    expect(problems).toEqual([]);
  });
});

describe('what a resumed run repeats', () => {
  const started = { seq: 0, time: 1, type: 'run-started', manifest: sampleManifest('id') } as const;
  const records = [started, { seq: 1, time: 2, ...units(3) }, { seq: 2, time: 3, ...units(4) }];

  it('is not written twice, and what follows is', async () => {
    const journal = await Journal.create(nodeHost, folder, runJournal);
    for (const { seq: _seq, time: _time, ...event } of records) await journal.append(event);
    const log = replay(journal, { point: { seq: 1 }, records });
    expect(log.nextSeq).toBe(1);
    for (const count of [3, 4, 5]) await log.append(units(count));
    expect(log.nextSeq).toBe(4);
    await journal.close();
    const written = await readJournal(nodeHost, folder, runJournal);
    expect(written.slice(1)).toMatchObject([units(3), units(4), units(5)]);
  });

  it('may lack top-5 accuracies if an earlier release has recorded it', async () => {
    const journal = await Journal.create(nodeHost, folder, runJournal);
    const scores = (top5: number[], accuracy = 0.9) => {
      const [validation, test] = [0, 1].map((i) => ({ accuracy, loss: i, ...(top5.length > 0 && { top5: top5[i] }) }));
      return { type: 'evaluated', stage: 'dense', totalEpochs: 1, validation, test } as const;
    };
    const repeated = async (before: RunEvent, after: RunEvent) => {
      const log = replay(journal, { point: { seq: 1 }, records: [started, { seq: 1, time: 2, ...before }] });
      return (await log.append(after)).seq;
    };
    expect(await repeated(scores([]), scores([0.99, 0.98]))).toBe(1);
    expect(await repeated(scores([0.99, 0.98]), scores([0.99, 0.98]))).toBe(1);
    await expect(repeated(scores([]), scores([0.99, 0.98], 0.8))).rejects.toThrow(ReplayMismatch);
    await expect(repeated(scores([0.99, 0.98]), scores([0.99, 0.97]))).rejects.toThrow(ReplayMismatch);
    await journal.close();
  });

  it('may end after another time', async () => {
    const journal = await Journal.create(nodeHost, folder, runJournal);
    const finished = (seconds: number, epochs = 3): Extract<RunEvent, { type: 'run-finished' }> => ({
      ...{ type: 'run-finished', artifacts: [] },
      result: { seconds, epochs } as unknown as RunResult,
    });
    const log = () => replay(journal, { point: { seq: 1 }, records: [started, { seq: 1, time: 2, ...finished(1.5) }] });
    expect((await log().append(finished(2.5))).seq).toBe(1);
    await expect(log().append(finished(1.5, 4))).rejects.toThrow(ReplayMismatch);
    await journal.close();
  });

  it('ends the run if it differs, and leaves the snapshot for other trainers', async () => {
    await mkdir(join(folder, 'checkpoints'));
    await writeSnapshot(nodeHost, folder, 'a', snapshotAt(1));
    const journal = await Journal.create(nodeHost, folder, runJournal);
    const log = replay(journal, { point: { seq: 1 }, records });
    const failure = log.append(units(2));
    await expect(failure).rejects.toThrow(ReplayMismatch);
    await expect(failure).rejects.toThrow(
      `${folder}: dead-units differs from record 1 of before: resume it on trainers with the processor and engine of then, or begin anew`,
    );
    await journal.close();
    expect((await readSnapshot(nodeHost, folder, () => true)).newest?.generation).toBe('a');
  });
});

it('a damaged journal is named, and nothing is resumed', async () => {
  expect(await readResumeState(nodeHost, folder)).toEqual({
    problems: [expect.stringContaining(`${journalFile(folder)} does not exist`)],
  });
});

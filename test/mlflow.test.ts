import { readStored, writeStored } from '@prunegrid/core/formats';
import { nodeHost } from '@prunegrid/core/node';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../packages/coordinator/src/journal/journal.js';
import { type JournalRecord, type RunEvent, runJournal } from '../packages/coordinator/src/training/records.js';
import { cursorFormat } from '../packages/coordinator/src/tracking/cursor.js';
import { startMirror, type Mirror } from '../packages/coordinator/src/tracking/mirror.js';
import { historyOf, storedArtifact, storedRuns, type StoredRun } from './mlflow/read-back.js';
import { sampleArtifacts, sampleEvents, sampleRecords, sampleStart } from './mlflow/sample-run.js';
import { type Append, appendAll, sampleHost, sendingHere, sendRun } from './mlflow/sending.js';
import { MlflowServer } from './mlflow/server.mjs';
import { linesOf } from './environment/journal-lines.js';

const experiment = 'mirror';
const minutes = 60_000;
let server: MlflowServer;
let folder: string;
let runId: string;
const folders: string[] = [];
beforeAll(async () => {
  server = await MlflowServer.prepare();
  await server.up();
}, 5 * minutes);

afterAll(async () => {
  await server?.remove();
  await Promise.all(folders.map((path) => rm(path, { recursive: true, force: true })));
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-run-'));
  folders.push(folder);
  runId = randomUUID();
  for (const [name, content] of Object.entries(sampleArtifacts)) await writeFile(join(folder, name), content);
});

describe('a live mirror', () => {
  it('shows the run in MLflow: params, metrics, tags, artifacts and status', async () => {
    const { run, lines } = await mirrored((append) => appendAll(append, sampleEvents(runId)));
    expect(lines).toEqual([]);
    expect(run).toMatchObject({ status: 'FINISHED', startTime: sampleStart + 1000 });
    expect(run.endTime).toBe(sampleRecords(runId).at(-1)!.time);
    expect(run.params).toMatchObject({
      model: 'lenet5',
      'keep.conv1': '100',
      'admm.rho.from': '0.001',
      'dense.optimizer.name': 'adam',
      trainers: '2',
      engine: 'tensorflow',
    });
    expect(run.tags).toMatchObject({
      'mlflow.runName': 'lenet5-sample seed 7',
      'mlflow.user': 'ada',
      'mlflow.source.name': 'lenet5-sample.yaml',
      'prunegrid.command': 'prunegrid run experiments/lenet5-sample.yaml',
      'mlflow.source.git.commit': '0123456789abcdef0123456789abcdef01234567',
      'prunegrid.seed': '7',
      'prunegrid.git_dirty': 'true',
      'prunegrid.dead_units.fc1': '12 of 500',
    });
    const curve = (key: string) => run.metrics[key]?.map(({ step, value }) => [step, value]);
    expect(curve('validation/accuracy')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [n, 1 - 0.2 / n]));
    expect(curve('dense/train_loss')).toEqual([1, 2, 3].map((n) => [n, 1 / (3 * n)]));
    expect(curve('retrain/train_loss')).toEqual([7, 8, 9].map((n) => [n, 1 / (3 * n)]));
    expect(curve('admm/conv2/primal_residual')).toEqual([1, 2, 3].map((n) => [n, 2 / n]));
    expect(curve('admm/fc2/rho')).toEqual([1, 2, 3].map((n) => [n, 0.001 * 10 ** (n - 1)]));
    expect(curve('result/hard_pruned/test_accuracy')).toEqual([[6, 0.987]]);
    expect(curve('result/kept')).toEqual([[9, 6050]]);
    for (const [name, content] of Object.entries(sampleArtifacts)) {
      expect((await storedArtifact(server.url, run, name)).equals(content), name).toBe(true);
    }
  });

  it('keeps non-finite values', async () => {
    const broken: RunEvent[] = sampleEvents(runId)
      .slice(0, 6)
      .map((event) =>
        event.type === 'epoch-finished' ? { ...event, trainLoss: NaN, imagesPerSecond: Infinity } : event,
      );
    const failed: RunEvent = { type: 'run-failed', kind: 'training', message: 'the loss is NaN in conv1 at step 12' };
    const { run } = await mirrored((append) => appendAll(append, [...broken, failed]));
    expect(run.status).toBe('FAILED');
    expect(run.tags['prunegrid.failure']).toBe('training: the loss is NaN in conv1 at step 12');
    expect(run.metrics['dense/train_loss']?.map(({ value }) => value)).toEqual(['NaN', 'NaN']);
    // The server's database has no infinity and keeps the largest double in its place.
    expect(run.metrics['images_per_second']?.map(({ value }) => value)).toEqual([Number.MAX_VALUE, Number.MAX_VALUE]);
  });

  it('shows an interrupted run as killed', async () => {
    const events: RunEvent[] = [
      ...sampleEvents(runId).slice(0, 5),
      { type: 'run-failed', kind: 'interrupted', message: 'stopped by Ctrl-C' },
    ];
    const { run } = await mirrored((append) => appendAll(append, events));
    expect(run.status).toBe('KILLED');
  });
});

describe('a server that is away', () => {
  it('may start after the run: nothing is lost, for one line of warning', { timeout: 5 * minutes }, async () => {
    await server.kill();
    const { run, lines } = await mirrored(async (append) => {
      await appendAll(append, sampleEvents(runId));
      // Long enough for several tries.
      await sleep(4000);
      await server.up();
    });
    expect(lines).toEqual([expect.stringMatching(/cannot be reached.*training goes on/)]);
    expect(historyOf(run)).toEqual(await undisturbed());
    expect(run.status).toBe('FINISHED');
  });

  it('may be killed in the middle and come back: the history is the same', { timeout: 5 * minutes }, async () => {
    await server.up();
    const events = sampleEvents(runId);
    const { run } = await mirrored(async (append) => {
      for (const [index, event] of events.entries()) {
        await append(event);
        await sleep(40);
        if (index === 12) await server.kill();
      }
      await server.up();
    });
    expect(historyOf(run)).toEqual(await undisturbed());
  });

  it('may stay away: the run ends, says how to send it, and sync does', { timeout: 5 * minutes }, async () => {
    await server.kill();
    const lines: string[] = [];
    const { journal, mirror } = await start(lines);
    await appendAll((event) => journal.append(event), sampleEvents(runId));
    const outcome = await mirror.drain(300);
    await journal.close();
    expect(outcome.state).toBe('behind');
    expect(lines.at(-1)).toContain(`prunegrid sync ${folder}`);
    await server.up();
    // The address is known from the attempt.
    expect(await sendRun(folder)).toMatchObject({
      records: sampleEvents(runId).length,
      ended: 'FINISHED',
      url: server.url,
    });
    expect(historyOf(await onlyRun())).toEqual(await undisturbed());
  });
});

describe('prunegrid sync', () => {
  beforeAll(() => server.up(), 5 * minutes);

  it('sends a run that never had a mirror, and nothing the second time', async () => {
    await writeJournal(sampleRecords(runId));
    const first = await sendRun(folder, { url: server.url, experiment });
    expect(first).toMatchObject({ records: sampleRecords(runId).length, ended: 'FINISHED' });
    const before = await onlyRun();
    expect(first.page).toBe(`${server.url}/#/experiments/${before.experimentId}/runs/${before.id}`);
    expect(await sendRun(folder)).toMatchObject({ records: 0, ended: null });
    expect(await onlyRun()).toEqual(before);
  });

  it('sends nothing twice when the cursor lags behind or is lost', async () => {
    const records = sampleRecords(runId);
    await writeJournal(records.slice(0, 10));
    await sendRun(folder, { url: server.url, experiment });
    const early = await readFile(join(folder, 'mlflow.json'));
    await writeJournal(records);
    await sendRun(folder);
    const before = await onlyRun();
    // As after a kill between the server's answer and the cursor ...
    await writeFile(join(folder, 'mlflow.json'), early);
    await sendRun(folder);
    expect(await onlyRun()).toEqual(before);
    // ... and between the creation of the run and the cursor.
    await rm(join(folder, 'mlflow.json'));
    await sendRun(folder, { url: server.url, experiment });
    expect(await onlyRun()).toEqual(before);
  });

  it.each([
    [
      'damaged',
      '{"format":"prunegrid.mlf',
      /is damaged: .*; everything is sent again, and MLflow keeps one copy of it$/,
    ],
    ['an earlier one', '{"url":"http://127.0.0.1:1","nextSeq":3}', /states no format and version/],
    ['a later one', '{"format":"prunegrid.mlflow","version":3}', /has version 3 of prunegrid\.mlflow/],
  ])('sends nothing twice when the cursor is %s, and says so in one line', async (_what, content, problem) => {
    const records = sampleRecords(runId);
    await writeJournal(records.slice(0, 10));
    await sendRun(folder, { url: server.url, experiment });
    await writeFile(join(folder, 'mlflow.json'), content);
    await writeJournal(records);
    const lines: string[] = [];
    await sendRun(folder, { url: server.url, experiment, warn: (line) => lines.push(line) });
    expect(lines).toEqual([expect.stringMatching(problem)]);
    expect(historyOf(await onlyRun())).toEqual(await undisturbed());
    // What is stored now can be used.
    expect(await sendRun(folder)).toMatchObject({ records: 0 });
  });

  it('follows a run that is still going on', async () => {
    const records = sampleRecords(runId);
    await writeJournal(records.slice(0, 10));
    expect(await sendRun(folder, { url: server.url, experiment })).toMatchObject({ records: 10, ended: null });
    expect((await onlyRun()).status).toBe('RUNNING');
    await writeJournal(records);
    await sendRun(folder);
    expect(historyOf(await onlyRun())).toEqual(await undisturbed());
  });

  it('two at a time make one run', async () => {
    await writeJournal(sampleRecords(runId));
    const both = await Promise.allSettled([1, 2, 3].map(() => sendRun(folder, { url: server.url, experiment })));
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(historyOf(await onlyRun())).toEqual(await undisturbed());
  });

  it('sends the run anew where the server has forgotten it', async () => {
    await writeJournal(sampleRecords(runId));
    await sendRun(folder, { url: server.url, experiment });
    const file = join(folder, 'mlflow.json');
    const cursor = await readStored(nodeHost, file, cursorFormat, '');
    const mlflowRun = { ...cursor.mlflowRun!, runId: randomUUID().replaceAll('-', '') };
    await writeStored(nodeHost, file, cursorFormat, { ...cursor, mlflowRun });
    await sendRun(folder);
    expect(historyOf(await onlyRun())).toEqual(await undisturbed());
  });

  it('goes without an artifact that is gone', async () => {
    await writeJournal(sampleRecords(runId));
    await rm(join(folder, 'result.json'));
    const lines: string[] = [];
    await sendRun(folder, { url: server.url, experiment, warn: (line) => lines.push(line) });
    expect(lines).toEqual([expect.stringContaining('result.json is not there')]);
    expect((await onlyRun()).status).toBe('FINISHED');
  });

  it('sends 10,000 points', { timeout: 2 * minutes }, async () => {
    const [started, ...rest] = sampleRecords(runId);
    const epoch = rest.find(({ type }) => type === 'epoch-finished')!;
    const epochs = Array.from(
      { length: 1000 },
      (_, i) => ({ ...epoch, seq: i + 1, totalEpochs: i + 1 }) as JournalRecord,
    );
    await writeJournal([started, ...epochs]);
    await sendRun(folder, { url: server.url, experiment });
    const points = Object.values((await onlyRun()).metrics);
    // The first metric is the one by which MLflow compares runs.
    expect(points.map(({ length }) => length)).toEqual([1, ...Array<number>(10).fill(1000)]);
  });

  it('says what is wrong with an address', async () => {
    await writeJournal(sampleRecords(runId));
    await expect(sendRun(folder, { environment: {} })).rejects.toThrow(/no MLflow address.*MLFLOW_TRACKING_URI/);
    await expect(sendRun(folder, { url: 'file:mlruns' })).rejects.toThrow(/"file:mlruns" is neither http nor https/);
    await expect(sendRun(folder, { url: `${server.url}/wrong` })).rejects.toThrow(
      /does not answer as an MLflow server/,
    );
    await expect(sendRun(join(folder, 'none'), { url: server.url })).rejects.toThrow(/name the folder of a run/);
  });
});

async function start(lines: string[]): Promise<{ journal: Journal<RunEvent>; mirror: Mirror }> {
  const journal = await Journal.create(sampleHost(), folder, runJournal);
  const warn = (line: string) => void lines.push(line);
  return {
    journal,
    mirror: startMirror({ ...sendingHere, url: server.url, experiment, folder, journal, warn, gatherMs: 50 }),
  };
}

/** The run as MLflow has it after `body` and a drain. */
async function mirrored(body: (append: Append) => Promise<void>): Promise<{ run: StoredRun; lines: string[] }> {
  const lines: string[] = [];
  const { journal, mirror } = await start(lines);
  await body((event) => journal.append(event));
  expect(await mirror.drain(minutes)).toEqual({ state: 'sent' });
  await journal.close();
  return { run: await onlyRun(), lines };
}

async function onlyRun(): Promise<StoredRun> {
  const runs = await storedRuns(server.url, experiment, runId);
  expect(runs).toHaveLength(1);
  return runs[0];
}

/** What MLflow holds of the sample run when it is sent in one go, to a run of its own. */
async function undisturbed(): Promise<ReturnType<typeof historyOf>> {
  const path = await mkdtemp(join(tmpdir(), 'prunegrid-run-'));
  folders.push(path);
  const otherId = randomUUID();
  const lines = linesOf(sampleRecords(otherId));
  await writeFile(join(path, 'journal.jsonl'), lines.join(''));
  await sendRun(path, { url: server.url, experiment });
  return historyOf((await storedRuns(server.url, experiment, otherId))[0]);
}

const writeJournal = (records: JournalRecord[]): Promise<void> =>
  writeFile(join(folder, 'journal.jsonl'), linesOf(records).join(''));

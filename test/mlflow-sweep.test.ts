import { cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startSweepMirror } from '../packages/coordinator/src/tracking/mirror.js';
import { journalOf, prunegrid, start } from './environment/cli.js';
import { runsByTag, storedArtifact, storedRuns, type StoredRun } from './mlflow/read-back.js';
import { sampleArtifacts } from './mlflow/sample-run.js';
import { longSweep, resumedSweep, sampleSweep, SweepWriter, type Step } from './mlflow/sample-sweep.js';
import { sendingHere, sendSweep, sweepFiles } from './mlflow/sending.js';
import { MlflowServer } from './mlflow/server.mjs';

const experiment = 'sweeps';
const minutes = 60_000;
let server: MlflowServer;
const folders: string[] = [];

beforeAll(async () => {
  server = await MlflowServer.prepare();
  await server.up();
}, 5 * minutes);

afterAll(async () => {
  await server?.remove();
  await Promise.all(folders.map((path) => rm(path, { recursive: true, force: true })));
});

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'prunegrid-sweep-'));
  folders.push(path);
  return path;
}

/** The sweep's own run. */
async function parentOf(sweepId: string, where = experiment): Promise<StoredRun> {
  const found = await storedRuns(server.url, where, sweepId);
  expect(found).toHaveLength(1);
  return found[0];
}

/** The runs nested in the sweep's, by what they are. */
async function childrenOf(sweepId: string, where = experiment): Promise<Record<string, StoredRun>> {
  const runs = await runsByTag(server.url, where, 'prunegrid.sweep', sweepId);
  const named = runs.map((run): [string, StoredRun] => {
    const trial = run.tags['prunegrid.trial'];
    return [`${trial ? `trial ${trial}` : 'dense'}, attempt ${run.tags['prunegrid.attempt']}`, run];
  });
  // A run that was sent twice would show here.
  expect(new Set(named.map(([name]) => name)).size).toBe(runs.length);
  return Object.fromEntries(named);
}

/** All that MLflow holds of a sweep, without the ids that it gave. */
async function heldOf(sweepId: string, where = experiment) {
  const parent = await parentOf(sweepId, where);
  const children = await childrenOf(sweepId, where);
  const ids = new Map([parent, ...Object.values(children)].map(({ id, tags }) => [id, tags['prunegrid.run_id']]));
  const plain = ({ params, tags, metrics, status, startTime, endTime }: StoredRun) => ({
    params,
    tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, ids.get(value) ?? value])),
    metrics,
    status,
    startTime,
    endTime,
  });
  return {
    parent: plain(parent),
    children: Object.fromEntries(Object.entries(children).map(([name, run]) => [name, plain(run)])),
  };
}

/** What MLflow holds of the sweep in `folder` when it is sent in one go, from a copy, to an experiment of its own. */
async function undisturbed(folder: string, sweepId: string) {
  const copy = join(await newFolder(), 'copy');
  cpSync(folder, copy, { recursive: true, filter: (name) => !name.endsWith('mlflow.json') });
  const own = `undisturbed-${sweepId}`;
  await sendSweep(copy, { url: server.url, experiment: own });
  return heldOf(sweepId, own);
}

/** Writes a sweep beside a mirror; `body` is given the writer and a pause that lets the mirror send. */
async function mirrored(body: (write: (steps: Step[]) => Promise<void>) => Promise<void>) {
  const folder = await newFolder();
  const writer = await SweepWriter.create(folder);
  const lines: string[] = [];
  const warn = (line: string) => void lines.push(line);
  const mirror = startSweepMirror({
    ...sendingHere,
    ...{ url: server.url, experiment, folder, journal: writer.journal, warn, gatherMs: 50, sweepFiles },
  });
  await body(async (steps) => {
    for (const step of steps) await writer.write(step);
    await sleep(300);
  });
  const outcome = await mirror.drain(minutes);
  await writer.close();
  return { folder, lines, outcome };
}

describe('a live mirror of a sweep', () => {
  it('makes a parent run, and a nested run of each attempt and dense network', { timeout: 2 * minutes }, async () => {
    const { runId, denseRunId, before, after } = sampleSweep();
    const { outcome, lines, folder } = await mirrored(async (write) => {
      await write(before);
      await write(after);
    });
    expect({ outcome, lines }).toEqual({ outcome: { state: 'sent' }, lines: [] });
    const parent = await parentOf(runId);
    expect(parent).toMatchObject({
      status: 'FINISHED',
      tags: {
        'mlflow.runName': 'sample',
        'mlflow.source.name': 'sample.yaml',
        'mlflow.source.git.commit': '0123456789abcdef0123456789abcdef01234567',
      },
    });
    const last = (run: StoredRun, key: string) => run.metrics[key]?.at(-1)?.value;
    expect(['finished', 'stopped', 'failed'].map((name) => last(parent, `sweep/${name}`))).toEqual([2, 1, 0]);
    expect(parent.metrics['trial/test_accuracy']?.map(({ step, value }) => [step, value])).toEqual([
      [1, 0.993],
      [2, 0.993],
    ]);
    expect((await storedArtifact(server.url, parent, 'sweep.json')).length).toBeGreaterThan(0);

    const children = await childrenOf(runId);
    const statuses = Object.entries(children).map(([name, { status }]) => [name, status]);
    expect(Object.fromEntries(statuses)).toEqual({
      'dense, attempt 1': 'FINISHED',
      'trial 1, attempt 1': 'FINISHED',
      'trial 2, attempt 1': 'FAILED',
      'trial 2, attempt 2': 'FINISHED',
      'trial 3, attempt 1': 'FINISHED',
    });
    for (const { tags } of Object.values(children)) expect(tags['mlflow.parentRunId']).toBe(parent.id);
    const { 'dense, attempt 1': dense, 'trial 1, attempt 1': first, 'trial 3, attempt 1': stopped } = children;
    expect(dense.tags['prunegrid.run_id']).toBe(denseRunId);
    expect(first.tags).toMatchObject({
      'prunegrid.dense_run_id': denseRunId,
      'prunegrid.dense_mlflow_run_id': dense.id,
      'prunegrid.setting.admm.rho': '0.1',
      'prunegrid.setting.budget.ratio': '71.2',
    });
    expect(stopped.tags['prunegrid.stopped_early']).toBe('others do better');
    for (const [name, content] of Object.entries(sampleArtifacts)) {
      expect((await storedArtifact(server.url, first, name)).equals(content), name).toBe(true);
    }
    expect(await sendSweep(folder)).toMatchObject({ records: 0, running: false });
  });

  it('tells the same when the server is killed in the middle and comes back', { timeout: 5 * minutes }, async () => {
    const { runId, before, after } = sampleSweep();
    const { outcome, lines, folder } = await mirrored(async (write) => {
      await write(before.slice(0, 20));
      await server.kill();
      await write(before.slice(20));
      await write(after.slice(0, 5));
      await sleep(3000);
      await server.up();
      await write(after.slice(5));
    });
    expect(outcome).toEqual({ state: 'sent' });
    expect(lines).toEqual([expect.stringMatching(/cannot be reached.*training goes on/)]);
    const held = await heldOf(runId);
    expect(Object.keys(held.children)).toHaveLength(5);
    expect(held).toEqual(await undisturbed(folder, runId));
  });
});

describe('a trial that goes on where it was', () => {
  beforeAll(() => server.up(), 5 * minutes);

  it('is one run, which runs again', { timeout: 2 * minutes }, async () => {
    const { runId, interrupted, resumed, finished } = resumedSweep();
    const status = async () => Object.values(await childrenOf(runId)).map((run) => run.status);
    const { folder, outcome } = await mirrored(async (write) => {
      await write(interrupted);
      await expect.poll(status, { timeout: minutes }).toEqual(['KILLED']);
      // The sweep announces it before its own run does.
      for (const step of resumed) await write([step]);
      await expect.poll(status, { timeout: minutes }).toEqual(['RUNNING']);
      await write(finished);
    });
    expect(outcome).toEqual({ state: 'sent' });
    const held = await heldOf(runId);
    expect(Object.values(held.children).map((run) => run.status)).toEqual(['FINISHED']);
    expect(held).toEqual(await undisturbed(folder, runId));
  });
});

describe('prunegrid sync of a sweep', () => {
  beforeAll(() => server.up(), 5 * minutes);

  it('sends the report whenever it has changed', { timeout: 2 * minutes }, async () => {
    const { runId, before } = sampleSweep();
    const folder = await newFolder();
    const writer = await SweepWriter.create(folder);
    for (const step of before) await writer.write(step);
    await writer.close();
    expect(await sendSweep(folder, { url: server.url, experiment })).toMatchObject({ running: true, ended: null });
    for (const text of ['first', 'second']) {
      mkdirSync(join(folder, 'report'), { recursive: true });
      writeFileSync(join(folder, 'report/table.md'), text);
      await sendSweep(folder);
      expect((await storedArtifact(server.url, await parentOf(runId), 'report/table.md')).toString()).toBe(text);
    }
    expect(await heldOf(runId)).toEqual(await undisturbed(folder, runId));
  });

  it('sends nothing twice when every cursor is lost', { timeout: 2 * minutes }, async () => {
    const { runId, before, after } = sampleSweep();
    const folder = await newFolder();
    const writer = await SweepWriter.create(folder);
    for (const step of [...before, ...after]) await writer.write(step);
    await writer.close();
    await sendSweep(folder, { url: server.url, experiment });
    const first = await heldOf(runId);
    for (const place of ['.', 'trials/1/attempt-1', 'trials/2/attempt-1']) rmSync(join(folder, place, 'mlflow.json'));
    await sendSweep(folder, { url: server.url, experiment });
    expect(await heldOf(runId)).toEqual(first);
  });

  it('sends a hundred trials with 10,000 points', { timeout: 2 * minutes }, async () => {
    const { runId, steps } = longSweep(100, 100);
    const folder = await newFolder();
    const writer = await SweepWriter.create(folder);
    for (const step of steps) await writer.write(step);
    await writer.close();
    expect(await sendSweep(folder, { url: server.url, experiment })).toMatchObject({ runs: 101, ended: 'FINISHED' });
    const points = Object.values(await childrenOf(runId)).map(({ metrics }) =>
      Object.values(metrics).reduce((sum, { length }) => sum + length, 0),
    );
    // And one of the metric by which MLflow compares runs.
    expect(points).toEqual(Array(100).fill(101));
  });
});

it('an address that is none is refused before anything is begun', async () => {
  const out = join(await newFolder(), 'sweep');
  for (const command of [
    ['sweep', 'run', 'experiments/sweep-smoke.yaml'],
    ['run', 'experiments/lenet5-smoke.yaml'],
  ]) {
    const { code, stderr } = await prunegrid(...command, '--out', out, '--mlflow', 'file:mlruns');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^prunegrid: --mlflow: MLflow address .*\n$/) as string,
    });
    expect(existsSync(out)).toBe(false);
  }
});

describe('a sweep whose server and coordinator are killed', () => {
  it('arrives whole, each run once, as from an undisturbed copy', { timeout: 5 * minutes }, async () => {
    await server.up();
    const folder = await newFolder();
    const file = join(folder, 'tiny.yaml');
    const out = join(folder, 'sweep');
    writeFileSync(
      file,
      `name: tiny
base: ${relative(folder, resolve('experiments/lenet5-smoke.yaml'))}
set: { seed: ${Math.floor(Math.random() * 2 ** 32)}, dataset.limit: 512, dataset.validation: 500, admm.iterations: 2 }
grid: { admm.rho: [1e-3, 1e-2, 3e-2, 1e-1] }
`,
    );
    const flags = ['--trainers', '1', '--retries', '0'];
    const first = start('sweep', 'run', file, '--out', out, '--mlflow', server.url, ...flags);
    await first.prints(/trial 1 .*on the test set/);
    await server.kill();
    await first.prints(/trial 3 .*started/);
    const journal = join(out, 'trials/3/attempt-1/journal.jsonl');
    await expect
      .poll(() => existsSync(journal) && statSync(journal).size, { timeout: minutes, interval: 20 })
      .toBeTruthy();
    first.process.kill('SIGKILL');
    await first.ended;
    // Without them, what it goes on from does not depend on the moment: its first record.
    rmSync(join(out, 'trials/3/attempt-1/checkpoints'), { recursive: true, force: true });
    await server.up();
    // Where to send to is known from before.
    expect(await prunegrid('sweep', 'resume', out, ...flags)).toMatchObject({ code: 0 });
    const { runId } = (journalOf(out)[0] as { manifest: { runId: string } }).manifest;
    const held = await heldOf(runId, 'prunegrid');
    expect(held.parent.status).toBe('FINISHED');
    const statuses = Object.entries(held.children).map(([name, { status }]) => [name, status]);
    expect(Object.fromEntries(statuses)).toMatchObject({
      'dense, attempt 1': 'FINISHED',
      'trial 1, attempt 1': 'FINISHED',
      'trial 3, attempt 1': 'FINISHED',
      'trial 4, attempt 1': 'FINISHED',
    });
    expect(held).toEqual(await undisturbed(out, runId));
  });
});

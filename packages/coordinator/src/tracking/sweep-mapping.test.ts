import { describe, expect, it } from 'vitest';
import { sampleSweepManifest } from '../../../../test/mlflow/sample-sweep.js';
import { sampleEvents } from '../../../../test/mlflow/sample-run.js';
import type { SweepEvent } from '../sweep/records.js';
import { sweepMapping } from './sweep-mapping.js';

/** What the last of the events means, after those before it. */
function last(...events: SweepEvent[]) {
  let state = sweepMapping.initial;
  let update: ReturnType<typeof sweepMapping.map>['update'] | undefined;
  for (const [seq, event] of events.entries()) {
    ({ update, after: state } = sweepMapping.map({ seq, time: 1000 + seq, ...event }, state));
  }
  return update!;
}

const started: SweepEvent = { type: 'sweep-started', manifest: sampleSweepManifest('id') };
const run = sampleEvents('run').at(-1)!;
if (run.type !== 'run-finished') throw new Error('the sample run ends otherwise');
const finished = (trial: number): SweepEvent => ({ type: 'trial-finished', trial, attempt: 1, result: run.result });
const failed = (trial: number, again: boolean): SweepEvent => {
  return { type: 'trial-failed', trial, attempt: 1, kind: 'training', message: 'why', again };
};
const values = (...events: SweepEvent[]) =>
  Object.fromEntries(last(...events).metrics.map(({ key, value, step }) => [key, [step, value]]));

describe('sweepMapping', () => {
  it('says what the sweep is', () => {
    const { params, tags } = last(started);
    expect(Object.fromEntries(params.map(({ key, value }) => [key, value]))).toEqual({
      file: 'sweeps/sample.yaml',
      base: 'experiments/lenet5-sample.yaml',
      axes: 'admm.rho, budget.ratio',
      cells: '3',
      trials: '3',
    });
    expect(Object.fromEntries(tags.map(({ key, value }) => [key, value]))).toMatchObject({
      'prunegrid.run_id': 'id',
      'mlflow.runName': 'sample',
      'mlflow.source.name': 'sample.yaml',
      'prunegrid.command': 'prunegrid sweep run sweeps/sample.yaml',
      'mlflow.source.git.commit': '0123456789abcdef0123456789abcdef01234567',
      'prunegrid.version.prunegrid': '0.1.0',
    });
  });

  it('cuts what is too long for the server', () => {
    const manifest = sampleSweepManifest('id');
    const { params, tags } = last({
      type: 'sweep-started',
      manifest: { ...manifest, axes: Array<string>(3000).fill('axis'), commandLine: ['x'.repeat(9000)] },
    });
    expect(Math.max(...params.map(({ value }) => value.length))).toBe(6000);
    expect(Math.max(...tags.map(({ value }) => value.length))).toBe(8000);
  });

  it('counts trials at their ends, and tells the results of those that finished', () => {
    expect(values(started, finished(2))).toMatchObject({
      'sweep/trials': [1, 3],
      'sweep/finished': [1, 1],
      'sweep/failed': [1, 0],
      'trial/validation_accuracy': [2, 0.992],
      'trial/kept': [2, 6050],
    });
    const stopped: SweepEvent = { type: 'trial-stopped', trial: 1, attempt: 1, reason: 'others do better' };
    expect(values(started, finished(2), stopped)).toMatchObject({ 'sweep/finished': [2, 1], 'sweep/stopped': [2, 1] });
  });

  it('describes the finished trials, the most accurate first', () => {
    const begun = (trial: number): SweepEvent => ({
      type: 'trial-started',
      trial,
      attempt: 1,
      settings: { 'admm.rho': 10 ** -trial },
      seed: 7,
      folder: `trials/${trial}/attempt-1`,
      runId: `run ${trial}`,
      trainers: [1],
    });
    const { final } = run.result;
    const better = { ...run.result, final: { ...final, validationAccuracy: 0.999 } };
    const { tags } = last(started, begun(1), begun(2), finished(1), { ...finished(2), result: better } as SweepEvent);
    const note = tags.find(({ key }) => key === 'mlflow.note.content')?.value.split('\n');
    expect(note).toEqual([
      '| trial | settings | held out | test | compression |',
      '| --- | --: | --: | --: | --: |',
      '| 2 | rho=0.01 seed 7 | 99.90 % | 99.30 % | 71.2x |',
      '| 1 | rho=0.1 seed 7 | 99.20 % | 99.30 % | 71.2x |',
    ]);
  });

  it('keeps the description within a tag, however many trials there are', () => {
    const { tags } = last(started, ...Array.from({ length: 30 }, (_, i) => finished(i + 1)));
    const note = tags.find(({ key }) => key === 'mlflow.note.content')!.value;
    expect(note).toMatch(/^The 20 of 30 finished trials with the best held-out accuracy\n\n/);
    expect(note.split('\n')).toHaveLength(24);
  });

  it('counts a failure when no attempt follows, and no more when the trial is tried again', () => {
    expect(values(started, failed(1, true))).toEqual({});
    expect(values(started, failed(1, false))).toMatchObject({ 'sweep/failed': [1, 1] });
    const resumed: SweepEvent = { type: 'sweep-resumed', commandLine: [], again: [1], added: 2 };
    expect(values(started, failed(1, false), resumed, finished(1))).toMatchObject({
      'sweep/trials': [2, 5],
      'sweep/finished': [2, 1],
      'sweep/failed': [2, 0],
    });
  });

  it('never gives a metric two values at one step', () => {
    const events = [started, finished(1), failed(2, true), failed(2, false), finished(3)];
    const points = events.flatMap((_, i) => last(...events.slice(0, i + 1)).metrics);
    expect(new Set(points.map(({ key, step }) => `${key}@${step}`)).size).toBe(points.length);
  });

  it.each<[SweepEvent, string]>([
    [{ type: 'sweep-finished', finished: 3, stopped: 0, failed: 0 }, 'FINISHED'],
    [{ type: 'sweep-finished', finished: 2, stopped: 0, failed: 1 }, 'FAILED'],
    [{ type: 'sweep-interrupted', reason: 'SIGINT' }, 'KILLED'],
  ])('ends by %o as %s', (event, status) => {
    expect(last(started, event).end).toEqual({ status, endTime: 1001, artifacts: [] });
  });

  it('goes on after it was resumed', () => {
    expect(last(started, { type: 'sweep-resumed', commandLine: ['a', 'b'], again: [], added: 0 })).toMatchObject({
      again: true,
      tags: [{ key: 'prunegrid.resumed', value: 'a b' }],
    });
  });
});

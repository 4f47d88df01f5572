import { describe, expect, it } from 'vitest';
import { sampleManifest, sampleRecords } from '../../../../test/mlflow/sample-run.js';
import type { RunEvent } from '../training/records.js';
import { mlflowUpdate, runMapping } from './mapping.js';

const map = (event: RunEvent) => mlflowUpdate({ seq: 3, time: 1234, ...event }, runMapping.initial);

describe('mlflowUpdate', () => {
  it('flattens the spec into params, one a key', () => {
    const { params } = map({ type: 'run-started', manifest: sampleManifest('id') });
    const values = Object.fromEntries(params.map(({ key, value }) => [key, value]));
    expect(values).toMatchObject({
      'dataset.name': 'mnist',
      'dataset.sha256': 'ab'.repeat(32),
      'keep.fc1': '3600',
      'retrain.learningRate.schedule': 'constant',
      trainers: '2',
    });
    expect(Object.keys(values)).toHaveLength(params.length);
    expect(Object.values(values)).not.toContain('[object Object]');
  });

  it('passes on what a run has warned of', () => {
    const message = 'ADMM has not converged: try a smaller admm.rho';
    const { tags } = map({ type: 'admm-not-converged', layer: 'fc1', residual: 1.14, message });
    expect(tags).toEqual([{ key: 'prunegrid.warning', value: message }]);
  });

  it('leaves out what is not known', () => {
    const { tags } = map({ type: 'run-started', manifest: { ...sampleManifest('id'), git: null } });
    expect(tags.filter(({ key }) => key.includes('git'))).toEqual([]);
  });

  it("says which part of a sweep a run is, and takes the sweep's run for its parent", () => {
    const settings = { 'admm.rho': 0.01, keep: { fc1: 3600 } };
    const sweep = { runId: 'sweep-id', name: 'grid', trial: 3, attempt: 2, settings };
    const event: RunEvent = { type: 'run-started', manifest: { ...sampleManifest('id'), sweep } };
    expect(runMapping.identity({ seq: 0, time: 0, ...event })).toEqual({ runId: 'id', parentRunId: 'sweep-id' });
    expect(Object.fromEntries(map(event).tags.map(({ key, value }) => [key, value]))).toMatchObject({
      'mlflow.runName': 'rho=0.01 keep={fc1: 3600} seed 7 attempt 2',
      'mlflow.source.name': 'lenet5-sample.yaml',
      'prunegrid.sweep': 'sweep-id',
      'prunegrid.trial': '3',
      'prunegrid.attempt': '2',
      'prunegrid.setting.admm.rho': '0.01',
      'prunegrid.setting.keep': '{"fc1":3600}',
    });
  });

  it('links the run that trained the dense network', () => {
    expect(map({ type: 'dense-reused', key: 'k', runId: 'other' })).toMatchObject({
      tags: [{ key: 'prunegrid.dense_run_id', value: 'other' }],
      link: { tag: 'prunegrid.dense_mlflow_run_id', runId: 'other' },
    });
  });

  it('ends a dense network for others, and a run that its sweep stopped, as finished', () => {
    const artifacts = ['manifest.json', 'checkpoints/dense.safetensors'];
    const end = { status: 'FINISHED', endTime: 1234 };
    expect(map({ type: 'dense-finished', key: 'k', artifacts }).end).toEqual({ ...end, artifacts });
    const stopped = map({ type: 'run-stopped', reason: 'others do better' });
    expect(stopped.end).toEqual({ ...end, artifacts: ['manifest.json'] });
    expect(stopped.tags).toEqual([{ key: 'prunegrid.stopped_early', value: 'others do better' }]);
  });

  it('counts ADMM by iteration and the rest by epochs of the whole run, at the time of the record', () => {
    const layer = { layer: 'fc1', rho: 1, primal: 2, dual: 3, weightNorm: 4, supportChange: 5 };
    const { metrics } = map({ type: 'admm-iteration', iteration: 4, totalEpochs: 10, layers: [layer] });
    expect(metrics).toContainEqual({ key: 'admm/fc1/dual_residual', value: 3, timestamp: 1234, step: 4 });
    const part = { accuracy: 0.5, loss: 1 };
    const evaluated = map({ type: 'evaluated', stage: 'final', totalEpochs: 46, validation: part, test: part });
    expect(evaluated.metrics).toContainEqual({
      key: 'result/final/test_accuracy',
      value: 0.5,
      timestamp: 1234,
      step: 46,
    });
  });

  it('begins with the held-out accuracy, by which MLflow compares runs, and ends it with the final one', () => {
    const points = sampleRecords('id').flatMap((record) => map(record).metrics);
    expect(points[0].key).toBe('accuracy/held_out');
    const curve = points.filter(({ key }) => key === 'accuracy/held_out');
    expect(curve.map(({ step, value }) => [step, value])).toEqual([
      [1, 0.8],
      [3, 0.99],
      [6, 0.986],
      [9, 0.992],
    ]);
  });

  it('names the data set by its content', () => {
    expect(map({ type: 'run-started', manifest: sampleManifest('id') }).dataset).toEqual({
      name: 'mnist',
      digest: 'ab'.repeat(18),
    });
  });

  it('leaves the network as a model with the metrics of its last evaluation, and describes the result', () => {
    let state = runMapping.initial;
    let last = runMapping.map(sampleRecords('id')[0], state).update;
    for (const record of sampleRecords('id')) ({ update: last, after: state } = runMapping.map(record, state));
    expect(last.end?.model).toMatchObject({ name: 'lenet5', weights: 'model.safetensors' });
    const values = last.end?.model?.metrics.map(({ key, value, step }) => [key, value, step]);
    expect(values).toContainEqual(['accuracy/held_out', 0.992, 9]);
    expect(values).toContainEqual(['result/ratio', 430_500 / 6_050, 9]);
    const note = last.tags.find(({ key }) => key === 'mlflow.note.content')?.value;
    expect(note).toContain('| final, after retraining | 99.20 % | 99.30 % |');
    expect(note).toContain('| fc1 | 400,000 | 3,600 | 0.9 % |');
  });

  it('never gives a metric two values at one step', () => {
    const points = sampleRecords('id').flatMap((record) => mlflowUpdate(record, runMapping.initial).metrics);
    expect(new Set(points.map(({ key, step }) => `${key}@${step}`)).size).toBe(points.length);
  });

  it.each([
    ['interrupted', 'KILLED'],
    ['training', 'FAILED'],
  ] as const)('ends a run that was %s as %s', (kind, status) => {
    const update = map({ type: 'run-failed', kind, message: 'why' });
    expect(update.end).toEqual({ status, endTime: 1234, artifacts: ['manifest.json'] });
    expect(update.tags).toEqual([{ key: 'prunegrid.failure', value: `${kind}: why` }]);
  });
});

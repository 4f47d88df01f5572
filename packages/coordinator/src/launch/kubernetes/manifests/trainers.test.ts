import { describe, expect, it } from 'vitest';

import { kubernetesKeys } from '../keys.js';
import { nameFor } from '../labels.js';
import { resourcesOf, trainersBudget, trainersJob, trainersSecret } from './trainers.js';

const jobOf = (keys: object, trainers = 3) => ({
  ...{ name: 'prunegrid-x-1', labels: { 'prunegrid.dev/launch': 'abc' }, trainers, threads: 2 },
  keys: kubernetesKeys.parse({ name: 'kubernetes', image: 'registry/prunegrid:1', ...keys }),
  ...{ command: ['prunegrid-trainer'], files: { token: 'token' } },
});

// Whether Kubernetes knows all fields is tested in test/clusters.
describe('the Job of trainers', () => {
  it('asks for what the keys say, and for no limit of processors', () => {
    expect(resourcesOf(jobOf({}))).toEqual({ requests: { cpu: '2' } });
    expect(resourcesOf(jobOf({ cpus: 8, memory: '16Gi', gpus: 2 }))).toEqual({
      requests: { cpu: '8', memory: '16Gi', 'nvidia.com/gpu': '2' },
      limits: { memory: '16Gi', 'nvidia.com/gpu': '2' },
    });
    expect(resourcesOf(jobOf({ gpus: 1, gpuResource: 'amd.com/gpu' }))).toMatchObject({
      limits: { 'amd.com/gpu': '1' },
    });
  });

  it('waits for Kueue only where a queue is named', () => {
    expect(trainersJob(jobOf({}))).not.toHaveProperty('spec.suspend');
    const queued = trainersJob(jobOf({ queue: 'team' }));
    expect(queued).toHaveProperty('spec.suspend', true);
    expect(queued).toHaveProperty(['metadata', 'labels', 'kueue.x-k8s.io/queue-name'], 'team');
    // The label of a pod would have Kueue hold each pod by itself.
    expect(queued).not.toHaveProperty(['spec', 'template', 'metadata', 'labels', 'kueue.x-k8s.io/queue-name']);
  });

  it('has its secrets in files alone, which go with it', () => {
    const job = jobOf({});
    const secret = trainersSecret(job, { token: 'geheim' }, 'uid-1');
    expect(secret).toMatchObject({ data: { token: Buffer.from('geheim').toString('base64') } });
    expect(secret).toHaveProperty('metadata.ownerReferences', [
      { apiVersion: 'batch/v1', kind: 'Job', name: job.name, uid: 'uid-1' },
    ]);
    const text = JSON.stringify(trainersJob(job));
    expect(text).not.toContain('geheim');
    expect(text).not.toContain('"env"');
    expect(text).toContain('"defaultMode":256');
  });

  it('has nodes drained one trainer at a time', () => {
    expect(trainersBudget(jobOf({}), 'u')).toHaveProperty('spec.minAvailable', 2);
    expect(trainersBudget(jobOf({}, 1), 'u')).toBeUndefined();
  });
});

it('makes names that Kubernetes takes', () => {
  expect(nameFor('LeNet-5 (rho × sparsity)')).toBe('lenet-5-rho-sparsity');
  expect(nameFor('x'.repeat(100))).toHaveLength(30);
  expect(nameFor('___')).toBe('unnamed');
  expect(nameFor(`${'a'.repeat(29)}-b`)).toBe('a'.repeat(29));
});

it.each([
  [{}, /image/],
  [{ image: 'a\nb' }, /one line/],
  [{ image: 'a', memory: '12 GB' }, /must be a quantity such as 4, 500m or 16Gi/],
  [{ image: 'a', gpu: 1 }, /gpu/],
  [{ image: 'a', claims: [{ claim: 'data', path: 'data' }] }, /must be an absolute path/],
])('refuses the keys %j', (keys, says) => {
  const parsed = kubernetesKeys.safeParse({ name: 'kubernetes', ...keys });
  expect(parsed.success ? '' : JSON.stringify(parsed.error.issues)).toMatch(says);
});

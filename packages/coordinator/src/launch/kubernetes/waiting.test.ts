import { describe, expect, it } from 'vitest';

import { kubernetesKeys } from './keys.js';
import { eventSchema, jobSchema, podSchema } from './objects.js';
import { asked, latestOf, reasonOfJob, reasonOfPod } from './waiting.js';

const keysOf = (keys: object = {}) => kubernetesKeys.parse({ name: 'kubernetes', image: 'i', ...keys });
const podOf = (status: object) => podSchema.parse({ metadata: { name: 'p' }, spec: {}, status });
const waitingFor = (reason: string, message?: string) =>
  podOf({ containerStatuses: [{ state: { waiting: { reason, message } } }] });

describe('why a trainer waits', () => {
  it('is what Kubernetes says of its pod', () => {
    const message = '0/4 nodes are available: 4 Insufficient nvidia.com/gpu.';
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    expect(reasonOfPod(podOf({ conditions }))).toBe(message);
    expect(reasonOfPod(waitingFor('ImagePullBackOff', 'Back-off pulling image "i"\nagain'))).toBe(
      'ImagePullBackOff: Back-off pulling image "i"',
    );
    expect(reasonOfPod(waitingFor('CreateContainerConfigError'))).toBe('CreateContainerConfigError');
  });

  it('is nothing while a pod is about to start', () => {
    expect(reasonOfPod(waitingFor('ContainerCreating'))).toBeUndefined();
    expect(reasonOfPod(podOf({ conditions: [{ type: 'PodScheduled', status: 'True' }] }))).toBeUndefined();
  });

  it('is the queue of Kueue, or whoever else has suspended the Job', () => {
    const job = (suspend: boolean) => jobSchema.parse({ metadata: { name: 'j' }, spec: { suspend } });
    expect(reasonOfJob(job(true), keysOf({ queue: 'team' }))).toMatch(/^the Job is suspended: Kueue .* queue team$/);
    expect(reasonOfJob(job(true), keysOf())).toBe('the Job is suspended');
    expect(reasonOfJob(job(false), keysOf())).toBeUndefined();
  });

  it('is otherwise what went wrong last', () => {
    const event = (reason: string, time: object) =>
      eventSchema.parse({ type: 'Warning', reason, message: `${reason} it is\nand more`, involvedObject: {}, ...time });
    const quota = event('FailedCreate', { lastTimestamp: '2026-11-28T10:00:00Z' });
    const mount = event('FailedMount', { eventTime: '2026-11-28T11:00:00.000000Z' });
    expect(latestOf([mount, quota])).toBe('FailedMount: FailedMount it is');
    expect(latestOf([])).toBeUndefined();
  });

  it('is told with what each asks for', () => {
    expect(asked(keysOf(), 2)).toBe('2 CPU');
    expect(asked(keysOf({ cpus: 4, memory: '8Gi', gpus: 1, nodeSelector: { zone: 'a' } }), 2)).toBe(
      '4 CPU, 8Gi of memory, 1 nvidia.com/gpu, a node with zone=a',
    );
  });
});

import { describe, expect, it } from 'vitest';

import { indexesIn, jobSchema, podSchema } from './objects.js';
import { endOfPlace, fateOf, failureOf, hasRun, isFinished } from './places.js';

const jobOf = (status: object = {}, metadata: object = {}, spec: object = {}) =>
  jobSchema.parse({ metadata: { name: 'j', ...metadata }, spec, status });
const podOf = (status: object, metadata: object = {}) =>
  podSchema.parse({ metadata: { name: 'p', ...metadata }, spec: { nodeName: 'n1' }, status });

const disrupted = { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] };
const ended = (exitCode: number, more: object = {}) => ({
  phase: exitCode === 0 ? 'Succeeded' : 'Failed',
  containerStatuses: [{ state: { terminated: { exitCode, ...more } } }],
});
const removed = { deletionTimestamp: '2026-11-28T00:00:00Z' };

describe('a pod', () => {
  it.each([
    ['that is new', podOf({}), jobOf(), 'waits'],
    ['whose image is pulled', podOf({ containerStatuses: [{ state: { waiting: {} } }] }), jobOf(), 'waits'],
    ['that runs', podOf({ phase: 'Running', containerStatuses: [{ state: { running: {} } }] }), jobOf(), 'runs'],
    ['that is told to end', podOf({ phase: 'Running' }, removed), jobOf(), 'ends'],
    ['that has failed', podOf(ended(5)), jobOf({ failedIndexes: '1' }), 'failed'],
    ['that has failed, which its Job does not know yet', podOf(ended(5)), jobOf(), 'failed'],
    ['that has left', podOf(ended(0)), jobOf({ completedIndexes: '1' }), 'preempted'],
    ['that has left in time', podOf({ ...ended(0), ...disrupted }), jobOf(), 'preempted'],
    ['that lost its node', podOf({ ...ended(137), ...disrupted }), jobOf(), 'requeued'],
    ['that somebody removed', podOf(ended(143), removed), jobOf(), 'ends'],
    ['that somebody removed, which counts', podOf(ended(143), removed), jobOf({ failedIndexes: '0-2' }), 'preempted'],
    ['that is gone', undefined, jobOf(), 'requeued'],
    ['that is gone with its Job', undefined, undefined, 'cancelled'],
    ['whose Job somebody removes', podOf({ phase: 'Running' }), jobOf({}, removed), 'cancelled'],
  ] as const)('%s', (_title, pod, job, fate) => expect(fateOf(pod, job, 1)).toBe(fate));

  it('has not run if its program could not be started', () => {
    expect(hasRun(podOf(ended(128, { reason: 'StartError' })))).toBe(false);
    expect(hasRun(podOf(ended(128)))).toBe(true);
    expect(hasRun(podOf({}))).toBe(false);
  });

  it.each([
    ['failed', ended(5), 'no luck', 'ended with exit code 5: no luck'],
    [
      'failed',
      ended(137, { reason: 'OOMKilled' }),
      undefined,
      'has used more memory than it asked for: raise launch.memory',
    ],
    [
      'failed',
      { phase: 'Failed', reason: 'Evicted', message: 'The node was low\non disk' },
      undefined,
      'was ended (Evicted): The node was low',
    ],
    ['preempted', { ...ended(0), ...disrupted }, undefined, 'had to make way (PreemptionByScheduler)'],
    ['preempted', ended(0), undefined, 'has left'],
    ['requeued', ended(137), undefined, 'has lost its place'],
    ['cancelled', ended(137), undefined, 'was removed with its Job'],
  ] as const)('%s: %j, %s', (cause, status, reason, how) => {
    const { message } = failureOf('p', cause, podOf(status), reason);
    expect(message).toBe(`the trainer of pod p on n1 ${how}`);
  });
});

describe('a place without a pod', () => {
  it.each([
    ['waits for one', jobOf(), undefined],
    ['waits for one while its Job is suspended', jobOf({}, {}, { suspend: true }), undefined],
    ['is over with its index', jobOf({ completedIndexes: '0,1' }), 'preempted'],
    ['is over with its Job', jobOf({ conditions: [{ type: 'Failed', status: 'True' }] }), 'preempted'],
    ['was cancelled with its Job', undefined, 'cancelled'],
  ] as const)('%s', (_title, job, cause) => expect(endOfPlace(job, 1)).toBe(cause));
});

it('knows a finished Job, and its indexes', () => {
  expect(isFinished(jobOf({ conditions: [{ type: 'Complete', status: 'True' }] }))).toBe(true);
  expect(isFinished(jobOf({ conditions: [{ type: 'FailureTarget', status: 'True' }] }))).toBe(false);
  expect([...indexesIn('0,2-4,7')]).toEqual([0, 2, 3, 4, 7]);
  expect(indexesIn(null).size).toBe(0);
});

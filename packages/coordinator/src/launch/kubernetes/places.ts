import { Failure } from '@prunegrid/core/failure';

import type { EndCause } from '../launcher.js';
import { INDEX_LABEL, JOB_LABEL } from './labels.js';
import { holds, indexesIn, type KubernetesJob, type KubernetesPod } from './objects.js';

/** What became of a pod, as far as a launch is concerned. `ends`: nobody can say yet. */
export type Fate = 'waits' | 'runs' | 'ends' | EndCause;

/** An index of a Job: the place of a trainer that has not ended. */
export interface Place {
  job: string;
  index: number;
  /** The pod that is there now, as far as it was seen. */
  pod: string | undefined;
  isRunning: boolean;
  /** The pods that were there before. */
  readonly past: Set<string>;
  pendingSince?: number;
}

/** What messages call the trainer of a place. */
export const nameOf = ({ job, index, pod }: Place): string => (pod === undefined ? `${job}-${index}` : `pod ${pod}`);

/** Whether a pod is, or was, at a place. */
export const isOf = ({ job, index }: Place, { metadata }: KubernetesPod): boolean =>
  metadata.labels[JOB_LABEL] === job && Number(metadata.labels[INDEX_LABEL] ?? -1) === index;

/** Compares pods, the oldest first. */
export const byAge = (a: KubernetesPod, b: KubernetesPod): number =>
  (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;

const isOverAt = ({ status }: KubernetesJob, index: number): 'completed' | 'failed' | undefined => {
  if (indexesIn(status.completedIndexes).has(index)) return 'completed';
  return indexesIn(status.failedIndexes).has(index) ? 'failed' : undefined;
};

/** Whether nothing of a Job runs any more, and nothing will. */
export const isFinished = (job: KubernetesJob): boolean =>
  (holds(job, 'Complete') ?? holds(job, 'Failed')) !== undefined;

const terminationOf = ({ status }: KubernetesPod) => status.containerStatuses.at(0)?.state.terminated ?? undefined;

/** Reasons for the end of a container whose program could not be started. */
const NEVER_RAN = new Set(['StartError', 'ContainerCannotRun', 'ContainerStatusUnknown']);

/** Whether a pod's program has begun. */
export const hasRun = ({ status }: KubernetesPod): boolean =>
  status.containerStatuses.some(
    ({ state: { running, terminated } }) => running ?? (terminated && !NEVER_RAN.has(terminated.reason ?? '')),
  );

/**
 * Returns what became of a pod.
 * @param pod undefined if Kubernetes knows it no more
 * @param job the Job that it belongs to; undefined if Kubernetes knows it no more
 */
export function fateOf(pod: KubernetesPod | undefined, job: KubernetesJob | undefined, index: number): Fate {
  // Whoever removes a Job wants none of its trainers any more.
  if (!job || job.metadata.deletionTimestamp) return 'cancelled';
  if (pod?.status.phase === 'Succeeded') return 'preempted';
  const over = isOverAt(job, index);
  if (!pod) return over || isFinished(job) ? 'preempted' : 'requeued';
  if (pod.status.phase !== 'Failed') {
    if (pod.metadata.deletionTimestamp) return 'ends';
    return hasRun(pod) ? 'runs' : 'waits';
  }
  // Kubernetes starts a trainer again that was disrupted, in another pod of the same index.
  if (holds(pod, 'DisruptionTarget')) return 'requeued';
  if (!pod.metadata.deletionTimestamp) return 'failed';
  // Somebody has removed the pod alone. The Job counts that as its failure, or not.
  return over ? 'preempted' : 'ends';
}

/** Returns why a place without a pod has come to its end; undefined if a pod may come yet. */
export function endOfPlace(job: KubernetesJob | undefined, index: number): EndCause | undefined {
  if (!job || job.metadata.deletionTimestamp) return 'cancelled';
  if (isOverAt(job, index) === undefined && !isFinished(job)) return undefined;
  return 'preempted';
}

const HOW: Partial<Record<EndCause, string>> = {
  cancelled: 'was removed with its Job',
  requeued: 'has lost its place',
};

/**
 * Returns the failure of a trainer that has ended.
 * @param name the pod's, or what stands for it
 * @param reason what the trainer has printed of that
 */
export function failureOf(
  name: string,
  cause: EndCause,
  pod: KubernetesPod | undefined,
  reason: string | undefined,
): Failure {
  const where = pod?.spec.nodeName ? ` on ${pod.spec.nodeName}` : '';
  return new Failure('trainers', `the trainer of pod ${name}${where} ${HOW[cause] ?? howOf(pod, reason)}`);
}

function howOf(pod: KubernetesPod | undefined, reason: string | undefined): string {
  const disruption = pod && holds(pod, 'DisruptionTarget');
  if (disruption) return `had to make way (${disruption.reason ?? 'no reason given'})`;
  const end = pod && terminationOf(pod);
  if (end?.reason === 'OOMKilled') return 'has used more memory than it asked for: raise launch.memory';
  if (end?.exitCode === 0) return 'has left';
  const why = reason ?? pod?.status.message?.split('\n')[0];
  const colon = why ? `: ${why}` : '';
  if (end) return `ended with exit code ${end.exitCode}${colon}`;
  return pod?.status.phase === 'Failed' ? `was ended (${pod.status.reason ?? 'no reason given'})${colon}` : 'is gone';
}

import type { KubernetesKeys } from './keys.js';
import type { KubernetesEvent, KubernetesJob, KubernetesPod } from './objects.js';

/** Reasons for which a container has not started, but is about to. */
const SOON = new Set(['ContainerCreating', 'PodInitializing']);

/** What each trainer asks for, in words. */
export function asked({ cpus, memory, gpus, gpuResource, nodeSelector }: KubernetesKeys, threads: number): string {
  return [
    `${cpus ?? threads} CPU`,
    ...(memory === undefined ? [] : [`${memory} of memory`]),
    ...(gpus > 0 ? [`${gpus} ${gpuResource}`] : []),
    ...Object.entries(nodeSelector).map(([name, value]) => `a node with ${name}=${value}`),
  ].join(', ');
}

/** Returns why a Job's pods are not even there; undefined if it does not say. */
export const reasonOfJob = ({ spec }: KubernetesJob, { queue }: KubernetesKeys): string | undefined =>
  spec.suspend
    ? `the Job is suspended${queue === undefined ? '' : `: Kueue has not admitted it from the queue ${queue}`}`
    : undefined;

/** Returns why a pod has not started, in Kubernetes' words; undefined if it does not say. */
export function reasonOfPod({ status }: KubernetesPod): string | undefined {
  const unscheduled = status.conditions.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled) return unscheduled.message ?? unscheduled.reason ?? undefined;
  const waiting = status.containerStatuses.find(({ state }) => state.waiting)?.state.waiting;
  if (!waiting?.reason || SOON.has(waiting.reason)) return undefined;
  return `${waiting.reason}${waiting.message ? `: ${waiting.message.split('\n')[0]}` : ''}`;
}

/** Returns the latest of what has gone wrong. */
export function latestOf(warnings: readonly KubernetesEvent[]): string | undefined {
  const timeOf = ({ lastTimestamp, eventTime }: KubernetesEvent) => lastTimestamp ?? eventTime ?? '';
  const latest = [...warnings].sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1)).at(-1);
  return latest && `${latest.reason ?? 'warning'}: ${latest.message?.split('\n')[0] ?? ''}`;
}

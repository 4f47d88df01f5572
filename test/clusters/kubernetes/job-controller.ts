import { isLive, type Job, type Pod, type Store, suffix } from './store.js';

const INDEX = 'batch.kubernetes.io/job-completion-index';
const NAME = 'batch.kubernetes.io/job-name';

export const podsOf = (store: Store, job: Job): Pod[] =>
  store.all<Pod>('Pod').filter(({ metadata }) => metadata.labels?.[NAME] === job.metadata.name);

/** Does what Kubernetes' Job controller does with Jobs of one pod, and of an index for each pod. */
export function reconcileJobs(store: Store): void {
  for (const job of store.all<Job>('Job')) {
    const pods = podsOf(store, job);
    if (job.metadata.deletionTimestamp) {
      // Foreground deletion: the Job stays until the last pod is gone.
      for (const pod of pods) removePod(store, pod);
      if (podsOf(store, job).length === 0) store.remove(job);
    } else if (job.status.conditions.length === 0) reconcile(store, job, pods);
  }
}

/** Marks a pod as one that is to be removed. A node ends it; without a node it goes at once. */
export function removePod(store: Store, pod: Pod): void {
  if (!isLive(pod) || pod.spec.nodeName === undefined) store.remove(pod);
  else if (!pod.metadata.deletionTimestamp) {
    pod.metadata.deletionTimestamp = new Date().toISOString();
    store.changed();
  }
}

function reconcile(store: Store, job: Job, pods: readonly Pod[]): void {
  const { spec, status } = job;
  if (spec.suspend) {
    for (const pod of pods) if (isLive(pod)) removePod(store, pod);
    return;
  }
  const isIndexed = spec.completionMode === 'Indexed';
  const completed = new Set<number>();
  const failed = new Set<number>();
  const total = spec.completions ?? 1;
  const limit = isIndexed ? (spec.backoffLimitPerIndex ?? Infinity) : (spec.backoffLimit ?? 6);
  for (let index = 0; index < total; index++) {
    const own = pods.filter(({ metadata }) => !isIndexed || metadata.labels?.[INDEX] === String(index));
    const actions = own.filter((pod) => pod.status.phase === 'Failed').map((pod) => actionOn(job, pod));
    const failures = actions.includes('FailJob') ? Infinity : actions.filter((action) => action !== 'Ignore').length;
    if (own.some((pod) => pod.status.phase === 'Succeeded')) completed.add(index);
    else if (failures > limit) failed.add(index);
    else if (!own.some(isLive)) store.add(podOf(job, index, isIndexed));
  }
  if (isIndexed) {
    status.completedIndexes = [...completed].join(',');
    status.failedIndexes = [...failed].join(',');
  }
  if (completed.size + failed.size < total) return;
  const [type, reason] = failed.size > 0 ? ['Failed', 'FailedIndexes'] : ['Complete', 'CompletionsReached'];
  status.conditions.push({ type, status: 'True', reason });
  store.changed();
}

/** Returns what the first rule for a pod's failure says; undefined if there is none. */
function actionOn({ spec }: Job, { status }: Pod): string | undefined {
  const code = status.containerStatuses?.at(0)?.state['terminated']?.['exitCode'];
  return (spec.podFailurePolicy?.rules ?? []).find(
    ({ onExitCodes, onPodConditions = [] }) =>
      onExitCodes?.values.some((value) => value === code) ||
      onPodConditions.some(({ type }) =>
        status.conditions.some((each) => each.type === type && each.status === 'True'),
      ),
  )?.action;
}

function podOf({ metadata, spec: { template } }: Job, index: number, isIndexed: boolean): Pod {
  const place = isIndexed ? `${metadata.name}-${index}` : metadata.name;
  const labels = { ...template.metadata?.labels, [NAME]: metadata.name, ...(isIndexed && { [INDEX]: String(index) }) };
  const ownerReferences = [{ kind: 'Job', name: metadata.name, uid: metadata.uid ?? '' }];
  return {
    kind: 'Pod',
    metadata: { name: `${place}-${suffix()}`, labels, ownerReferences },
    spec: { ...structuredClone(template.spec), ...(isIndexed && { hostname: place }) },
    status: { phase: 'Pending', conditions: [] },
  };
}

import type { KubernetesKeys } from '../keys.js';
import { COMPONENT_LABEL, type Labels, NAME_LABEL, QUEUE_LABEL } from '../labels.js';
import { type Manifest, podOf } from './pod.js';

/** Where a trainer finds its address and its secrets. */
export const CREDENTIALS = '/run/prunegrid';

/** Seconds for which a finished Job stays, for those who want to look at it. Its launch removes it before, if it can. */
const KEPT_S = 600;

export interface TrainersJob {
  /** The name of the Job, of its Secret and of its PodDisruptionBudget. */
  name: string;
  labels: Labels;
  keys: KubernetesKeys;
  trainers: number;
  threads: number;
  /** The words of the command that becomes a trainer. */
  command: readonly string[];
  /** The names of the Secret's files, each a path below `CREDENTIALS` by its key. */
  files: Readonly<Record<string, string>>;
}

const labelsOf = ({ labels }: Pick<TrainersJob, 'labels'>): Labels => ({
  [NAME_LABEL]: 'prunegrid',
  [COMPONENT_LABEL]: 'trainer',
  ...labels,
});

/** Returns what each trainer asks of its node. */
export function resourcesOf({ keys, threads }: Pick<TrainersJob, 'keys' | 'threads'>): Manifest {
  const { cpus = String(threads), memory, gpus, gpuResource } = keys;
  const limits = { ...(memory !== undefined && { memory }), ...(gpus > 0 && { [gpuResource]: String(gpus) }) };
  // A limit of processors would only stop the threads of an engine again and again.
  return { requests: { cpu: cpus, ...limits }, ...(Object.keys(limits).length > 0 && { limits }) };
}

/** Returns the Job of some trainers: an index for each, which is a trainer's place. */
export function trainersJob(job: TrainersJob): Manifest {
  const { name, keys, trainers, command, files } = job;
  const labels = labelsOf(job);
  const queue: Labels = keys.queue === undefined ? {} : { [QUEUE_LABEL]: keys.queue };
  const secret = {
    secretName: name,
    // The group of the pod may read them as well: Kubernetes adds that for whoever is not root.
    defaultMode: 0o400,
    items: Object.entries(files).map(([key, path]) => ({ key, path })),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, labels: { ...labels, ...queue } },
    spec: {
      completionMode: 'Indexed',
      completions: trainers,
      parallelism: trainers,
      // Kueue lets it begin.
      ...(keys.queue !== undefined && { suspend: true }),
      // A trainer that fails ends its own index and no other. Its launch decides whether another one takes its place.
      backoffLimitPerIndex: 0,
      // One that loses its node, or its place to another pod, has not failed: Kubernetes starts it again.
      podFailurePolicy: {
        rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
      // Its successor starts when it is gone, so that a GPU is not asked for twice.
      podReplacementPolicy: 'Failed',
      ttlSecondsAfterFinished: KEPT_S,
      template: {
        metadata: { labels },
        spec: podOf({
          keys,
          place: keys,
          component: 'trainer',
          command,
          resources: resourcesOf(job),
          mounted: [{ mount: { name: 'credentials', mountPath: CREDENTIALS, readOnly: true }, volume: { secret } }],
          // Trainers ask nothing of Kubernetes. They have no probes: one that hangs is given up by its coordinator.
          pod: { automountServiceAccountToken: false },
        }),
      },
    },
  };
}

/** Returns what makes Kubernetes remove an object when a Job is removed. */
const ownedBy = (job: { name: string; uid: string }): Manifest => ({
  ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', ...job }],
});

/**
 * Returns the Secret with what the trainers of a Job must know.
 * @param contents by key
 * @param uid the Job's
 */
export const trainersSecret = (
  job: Pick<TrainersJob, 'name' | 'labels'>,
  contents: Readonly<Record<string, string>>,
  uid: string,
): Manifest => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: job.name, labels: labelsOf(job), ...ownedBy({ name: job.name, uid }) },
  type: 'Opaque',
  immutable: true,
  data: Object.fromEntries(Object.entries(contents).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
});

/**
 * Returns what has nodes drained one trainer at a time, also those of later Jobs of the launch; undefined for one trainer,
 * which nothing need wait for.
 * @param uid the Job's
 */
export const trainersBudget = (
  job: Pick<TrainersJob, 'name' | 'labels' | 'trainers'>,
  uid: string,
): Manifest | undefined =>
  job.trainers < 2
    ? undefined
    : {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: job.name, labels: labelsOf(job), ...ownedBy({ name: job.name, uid }) },
        spec: {
          // For pods of a Job, Kubernetes takes no maxUnavailable.
          minAvailable: job.trainers - 1,
          unhealthyPodEvictionPolicy: 'AlwaysAllow',
          selector: { matchLabels: labelsOf(job) },
        },
      };

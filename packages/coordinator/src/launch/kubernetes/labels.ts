/** Labels of everything that prunegrid makes in a cluster. Each value has at most 63 characters. */
export const NAME_LABEL = 'app.kubernetes.io/name';
export const COMPONENT_LABEL = 'app.kubernetes.io/component';
/** The folder of the launch, so that a later coordinator of the same folder knows what an earlier one has left. */
export const FOLDER_LABEL = 'prunegrid.dev/folder';
export const LAUNCH_LABEL = 'prunegrid.dev/launch';
/** The name of a coordinator that is a Job, on all that belongs to it. */
export const SWEEP_LABEL = 'prunegrid.dev/sweep';
/** Kueue admits a Job by the queue that this label names. */
export const QUEUE_LABEL = 'kueue.x-k8s.io/queue-name';
/** The index of a pod of an Indexed Job, which Kubernetes sets. */
export const INDEX_LABEL = 'batch.kubernetes.io/job-completion-index';
export const JOB_LABEL = 'batch.kubernetes.io/job-name';

export type Labels = Readonly<Record<string, string>>;

/** Longest part of a name that is taken from the user's: a pod adds an index and a suffix, and all have 63 characters. */
const LONGEST_NAME = 30;

/** Returns the part of an object's name that tells what it is for, in the letters that names may have. */
export const nameFor = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_NAME)
    .replaceAll(/^-+|-+$/g, '') || 'unnamed';

/** Returns a selector of objects that have all of these labels. */
export const selectorOf = (labels: Labels): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');

import { z } from 'zod';

import { commonKeys } from '../launcher.js';

/** A value that stays on its line of a manifest. */
const line = z.string().regex(/^[^\r\n]+$/, 'must be one line of text');
const label = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and -, at most 63 of them');
/** See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity. */
const quantity = z
  .union([z.string(), z.number().transform(String)])
  .pipe(z.string().regex(/^\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?$/, 'must be a quantity such as 4, 500m or 16Gi'));
const path = line.regex(/^\//, 'must be an absolute path');

const toleration = z.strictObject({
  key: line.optional(),
  operator: z.enum(['Exists', 'Equal']).optional(),
  value: line.optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().min(0).optional(),
});

/** Where a pod may run, and what it may use of its node. */
const place = {
  memory: quantity.optional(),
  /** Labels that its node must have. */
  nodeSelector: z.record(z.string(), z.string()).default({}),
  /** Taints of nodes on which it may run all the same. */
  tolerations: z.array(toleration).default([]),
  priorityClass: label.optional(),
};

/** The keys of `launch` for Kubernetes. */
export const kubernetesKeys = z.strictObject({
  ...commonKeys,
  ...place,
  /** The image of trainers and coordinator, as the Containerfile makes it. */
  image: line,
  /** By default that of the kubeconfig's context, or of the pod in which the coordinator runs. */
  namespace: label.optional(),
  /** The context of the kubeconfig; by default its current one. */
  context: line.optional(),
  /** GPUs of each trainer. */
  gpus: z.int().min(0).default(0),
  /** What the cluster calls them. */
  gpuResource: line.default('nvidia.com/gpu'),
  /** Processors of each trainer; by default as many as its engine has threads. */
  cpus: quantity.optional(),
  /** The queue of Kueue that admits the trainers. */
  queue: label.optional(),
  /** The names of secrets by which the image is pulled. */
  pullSecrets: z.array(label).default([]),
  /** Volumes that are there already, such as data sets, by the claims' names. */
  claims: z.array(z.strictObject({ claim: label, path, readOnly: z.boolean().default(true) })).default([]),
  /** Seconds that a trainer has to leave when it must make way, and a coordinator to save. */
  leaveWithin: z.int().positive().default(120),
  /** What differs for the coordinator's pod, which `prunegrid sweep submit` starts. */
  coordinator: z
    .strictObject({
      ...place,
      cpus: quantity.default('1'),
      memory: quantity.default('2Gi'),
      /** Size of the volume with the sweep's folder. */
      storage: quantity.default('10Gi'),
      /** By default the cluster's. */
      storageClass: label.optional(),
    })
    .prefault({}),
});

export type KubernetesKeys = z.infer<typeof kubernetesKeys>;

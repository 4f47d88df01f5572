import { z } from 'zod';

/** The parts of Kubernetes' objects that a launch looks at. Everything else is left alone. */
const metadata = z.object({
  name: z.string(),
  uid: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
});
const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
});
const conditions = z
  .array(condition)
  .nullish()
  .transform((list) => list ?? []);

export const jobSchema = z.object({
  metadata,
  spec: z.object({ suspend: z.boolean().nullish() }),
  status: z
    .object({
      conditions,
      /** Indexes that are done, such as `0,2-4`. */
      completedIndexes: z.string().nullish(),
      failedIndexes: z.string().nullish(),
    })
    .prefault({}),
});
export type KubernetesJob = z.infer<typeof jobSchema>;

const containerState = z.object({
  waiting: z.object({ reason: z.string().nullish(), message: z.string().nullish() }).nullish(),
  running: z.object({}).nullish(),
  terminated: z
    .object({
      exitCode: z.number(),
      signal: z.number().nullish(),
      reason: z.string().nullish(),
      message: z.string().nullish(),
    })
    .nullish(),
});

export const podSchema = z.object({
  metadata,
  spec: z.object({ nodeName: z.string().nullish(), hostname: z.string().nullish() }),
  status: z
    .object({
      phase: z.string().default('Pending'),
      reason: z.string().nullish(),
      message: z.string().nullish(),
      conditions,
      containerStatuses: z
        .array(z.object({ state: containerState.prefault({}) }))
        .nullish()
        .transform((list) => list ?? []),
    })
    .prefault({}),
});
export type KubernetesPod = z.infer<typeof podSchema>;

export const eventSchema = z.object({
  type: z.string().nullish(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
  involvedObject: z.object({ kind: z.string().nullish(), name: z.string().nullish() }),
});
export type KubernetesEvent = z.infer<typeof eventSchema>;

/** What the server says of a request that it has refused. */
export const statusSchema = z.object({ message: z.string().nullish(), reason: z.string().nullish() });

/** Reads a list of indexes such as `0,2-4`. */
export function indexesIn(text: string | null | undefined): Set<number> {
  const found = new Set<number>();
  for (const run of (text ?? '').split(',').filter((part) => part !== '')) {
    const [first, last = first] = run.split('-').map(Number);
    for (let index = first; index <= last; index++) found.add(index);
  }
  return found;
}

/** Whether a condition holds. */
export const holds = (
  { status }: { status: { conditions: z.infer<typeof conditions> } },
  type: string,
): z.infer<typeof condition> | undefined =>
  status.conditions.find((each) => each.type === type && each.status === 'True');

import { z } from 'zod';

import { extensionFileSchema } from '../experiment/extension-files.js';
import { invocationSchema, plainSchema, resultSchema } from '../training/records.js';

const count = z.int().min(0);
/** Number of a trial, from 1. */
const number = z.int().min(1);

export const overridesSchema = z.strictObject({
  /** Overrides of the base experiment, each as `key=value`; see `applyOverride`. */
  set: z.array(z.string()).readonly().optional(),
  seeds: number.optional(),
});
/** Values from the command line that replace those of the files. */
export type SweepOverrides = z.infer<typeof overridesSchema>;

const queuePlaceSchema = z.strictObject({
  /** Absolute path of the queue's folder. */
  folder: z.string(),
  /** Name of the entry: the time of submission, by which names sort, and part of the sweep's id. */
  entry: z.string(),
});
/** Location of a sweep's entry in a queue. */
export type QueuePlace = z.infer<typeof queuePlaceSchema>;

export const sweepManifestSchema = z.strictObject({
  /** UUID that identifies the sweep everywhere, also in MLflow. */
  runId: z.string(),
  name: z.string(),
  /** Paths of the sweep's file and of the base experiment, as the user gave them. */
  file: z.string(),
  base: z.string(),
  overrides: overridesSchema.optional(),
  ...invocationSchema.shape,
  /** Versions of prunegrid and Node. */
  versions: z.record(z.string(), z.string()),
  cells: count,
  trials: count,
  /** Keys that vary in the sweep, without the seed. */
  axes: z.array(z.string()),
  /** Present if the sweep was made with extensions. */
  extensions: z.array(extensionFileSchema).exactOptional(),
  /** Location in a queue, present if the sweep was submitted to one. */
  queue: queuePlaceSchema.optional(),
});
/** Record of how a sweep was started. */
export type SweepManifest = z.infer<typeof sweepManifestSchema>;

const jobFolderSchema = z.strictObject({
  /** Path seen from the sweep's folder, which it never leaves. */
  folder: z.string().regex(/^(dense|trials)\/[0-9A-Za-z_-]+\/attempt-\d+$/, 'is no folder of a run in a sweep'),
  /** Id of the run. */
  runId: z.string(),
  attempt: number,
  /** Numbers of the trainers that compute the run. */
  trainers: z.array(number),
  /** Finished epochs of the run at the snapshot, if an earlier attempt is resumed. */
  resumedAt: count.optional(),
});
/** A run folder in the sweep's folder, such as `trials/7/attempt-1` or `dense/0123456789ab`. It has its own journal. */
export type JobFolder = z.infer<typeof jobFolderSchema>;

const failedAttempt = {
  /** Number of the attempt, or 0 if none was made because the starting network is missing. */
  attempt: count,
  /** Kind of the failure: a `FailureKind` or "internal". */
  kind: z.string(),
  message: z.string(),
  /** Whether the job is retried. */
  again: z.boolean(),
};

const event = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), ...shape });

export const sweepEventSchema = z.discriminatedUnion('type', [
  event('sweep-started', { manifest: sweepManifestSchema }),
  /** `again` lists failed trials that are retried, and `added` is the number of trials that the plan has gained. */
  event('sweep-resumed', { commandLine: z.array(z.string()), again: z.array(number), added: count }),
  event('trainer-joined', { trainer: number, host: z.string(), pid: count, engine: z.string(), device: z.string() }),
  event('trainer-left', { trainer: number }),
  /** The store had the dense network with the `denseKey` `key`. The run `runId`, of any sweep, had trained it. */
  event('dense-reused', { key: z.string(), runId: z.string() }),
  event('dense-started', { key: z.string(), ...jobFolderSchema.shape }),
  event('dense-finished', { key: z.string(), attempt: count }),
  /** Dense training is paused and resumes immediately on more trainers. */
  event('dense-paused', { key: z.string(), attempt: count }),
  event('dense-failed', { key: z.string(), ...failedAttempt }),
  event('trial-started', {
    trial: number,
    settings: z.record(z.string(), plainSchema),
    seed: count,
    ...jobFolderSchema.shape,
  }),
  /**
   * The store had the result and the network of a chain's point. The run `runId` of an earlier sweep had computed them.
   */
  event('trial-reused', { trial: number, runId: z.string(), result: resultSchema }),
  event('trial-finished', { trial: number, attempt: count, result: resultSchema }),
  /** The trial is paused and resumes immediately on more trainers. */
  event('trial-paused', { trial: number, attempt: count }),
  /** The early-stopping rule of the sweep has stopped the trial. */
  event('trial-stopped', { trial: number, attempt: count, reason: z.string() }),
  event('trial-failed', { trial: number, ...failedAttempt }),
  /** The sweep has no work left. `failed` counts trials that are not retried. */
  event('sweep-finished', { finished: count, stopped: count, failed: count }),
  event('sweep-interrupted', { reason: z.string() }),
]);
/** An event of a sweep. The events of each run are in the run's own journal. */
export type SweepEvent = z.infer<typeof sweepEventSchema>;

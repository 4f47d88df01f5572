import { z } from 'zod';

import { invocationSchema, plainSchema, resultSchema } from '../training/records.js';

const count = z.int().min(0);
/** From 1. */
const number = z.int().min(1);

export const overridesSchema = z.strictObject({
  /** `key=value` each, of the base experiment; see `applyOverride`. */
  set: z.array(z.string()).readonly().optional(),
  seeds: number.optional(),
});
/** What was given on the command line in place of what the files say. */
export type SweepOverrides = z.infer<typeof overridesSchema>;

const queuePlaceSchema = z.strictObject({
  /** The queue's folder, an absolute path. */
  folder: z.string(),
  /** The entry's name: the time of submission and part of the sweep's id, so that names sort in the order of coming. */
  entry: z.string(),
});
/** The place of a sweep in a queue. */
export type QueuePlace = z.infer<typeof queuePlaceSchema>;

export const sweepManifestSchema = z.strictObject({
  /** Identifies the sweep everywhere, MLflow included. A UUID. */
  runId: z.string(),
  name: z.string(),
  /** The sweep's file and the base experiment's, as they were named. */
  file: z.string(),
  base: z.string(),
  overrides: overridesSchema.optional(),
  ...invocationSchema.shape,
  /** The versions of prunegrid and Node. */
  versions: z.record(z.string(), z.string()),
  cells: count,
  trials: count,
  /** Keys that vary, without the seed. */
  axes: z.array(z.string()),
  /** Present if it was submitted to a queue. */
  queue: queuePlaceSchema.optional(),
});
/** Everything that somebody needs to know, later, of how a sweep was started. */
export type SweepManifest = z.infer<typeof sweepManifestSchema>;

const jobFolderSchema = z.strictObject({
  folder: z.string(),
  /** Of the run. */
  runId: z.string(),
  attempt: number,
  /** Numbers of the trainers that it is computed on. */
  trainers: z.array(number),
  /** Epochs that the run had finished, if an earlier attempt is resumed. */
  resumedAt: count.optional(),
});
/** A run folder within the sweep's, such as `trials/7/attempt-1` or `dense/0123456789ab`, with a journal of its own. */
export type JobFolder = z.infer<typeof jobFolderSchema>;

const failedAttempt = {
  /** 0 if none was made, since the network is missing that it would start from. */
  attempt: count,
  /** A `FailureKind`, or "internal". */
  kind: z.string(),
  message: z.string(),
  /** Whether another attempt follows. */
  again: z.boolean(),
};

const event = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), ...shape });

export const sweepEventSchema = z.discriminatedUnion('type', [
  event('sweep-started', { manifest: sweepManifestSchema }),
  /** `again`: trials that had failed and are tried once more; `added`: how many trials the plan has gained. */
  event('sweep-resumed', { commandLine: z.array(z.string()), again: z.array(number), added: count }),
  event('trainer-joined', { trainer: number, host: z.string(), pid: count, engine: z.string(), device: z.string() }),
  event('trainer-left', { trainer: number }),
  /** The dense network of that `denseKey` was in the store already, trained by the run `runId`, of this or an earlier sweep. */
  event('dense-reused', { key: z.string(), runId: z.string() }),
  event('dense-started', { key: z.string(), ...jobFolderSchema.shape }),
  event('dense-finished', { key: z.string(), attempt: count }),
  /** It is resumed at once with more trainers. */
  event('dense-paused', { key: z.string(), attempt: count }),
  event('dense-failed', { key: z.string(), ...failedAttempt }),
  event('trial-started', {
    trial: number,
    settings: z.record(z.string(), plainSchema),
    seed: count,
    ...jobFolderSchema.shape,
  }),
  /** A point of a chain: its result and its network were in the store already, computed by the run `runId` of an earlier sweep. */
  event('trial-reused', { trial: number, runId: z.string(), result: resultSchema }),
  event('trial-finished', { trial: number, attempt: count, result: resultSchema }),
  /** It is resumed at once with more trainers. */
  event('trial-paused', { trial: number, attempt: count }),
  /** By the sweep's early stopping. */
  event('trial-stopped', { trial: number, attempt: count, reason: z.string() }),
  event('trial-failed', { trial: number, ...failedAttempt }),
  /** Nothing is left to do; `failed` counts trials that have failed for good. */
  event('sweep-finished', { finished: count, stopped: count, failed: count }),
  event('sweep-interrupted', { reason: z.string() }),
]);
/** What happened in a sweep; what happened within each run is in the run's own journal. */
export type SweepEvent = z.infer<typeof sweepEventSchema>;

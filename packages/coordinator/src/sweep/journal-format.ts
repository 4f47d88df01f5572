import { z } from 'zod';

import type { JournalFormat } from '../journal/format.js';
import { invocationSchema, plainSchema, resultSchema } from '../training/records.js';
import type { SweepEvent } from './records.js';

const count = z.int().min(0);

const manifest = z.strictObject({
  runId: z.string(),
  name: z.string(),
  file: z.string(),
  base: z.string(),
  overrides: z.strictObject({ set: z.array(z.string()).exactOptional(), seeds: count.optional() }).optional(),
  ...invocationSchema.shape,
  versions: z.record(z.string(), z.string()),
  cells: count,
  trials: count,
  axes: z.array(z.string()),
  queue: z.strictObject({ folder: z.string(), entry: z.string() }).exactOptional(),
});

const jobFolder = {
  folder: z.string(),
  runId: z.string(),
  attempt: count,
  trainers: z.array(count),
  resumedAt: count.exactOptional(),
};

const failedAttempt = { attempt: count, kind: z.string(), message: z.string(), again: z.boolean() };

const event = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), ...shape });

/** What `SweepEvent` says, as it is checked when a sweep's journal is read. */
const sweepEventSchema = z.discriminatedUnion('type', [
  event('sweep-started', { manifest }),
  event('sweep-resumed', { commandLine: z.array(z.string()), again: z.array(count), added: count }),
  event('trainer-joined', { trainer: count, host: z.string(), pid: count, engine: z.string(), device: z.string() }),
  event('trainer-left', { trainer: count }),
  event('dense-reused', { key: z.string(), runId: z.string() }),
  event('dense-started', { key: z.string(), ...jobFolder }),
  event('dense-finished', { key: z.string(), attempt: count }),
  event('dense-paused', { key: z.string(), attempt: count }),
  event('dense-failed', { key: z.string(), ...failedAttempt }),
  event('trial-started', { trial: count, settings: z.record(z.string(), plainSchema), seed: count, ...jobFolder }),
  event('trial-reused', { trial: count, runId: z.string(), result: resultSchema }),
  event('trial-finished', { trial: count, attempt: count, result: resultSchema }),
  event('trial-paused', { trial: count, attempt: count }),
  event('trial-stopped', { trial: count, attempt: count, reason: z.string() }),
  event('trial-failed', { trial: count, ...failedAttempt }),
  event('sweep-finished', { finished: count, stopped: count, failed: count }),
  event('sweep-interrupted', { reason: z.string() }),
]);

/** The journal of a sweep. */
export const sweepJournal: JournalFormat<SweepEvent> = {
  name: 'prunegrid.sweep-journal',
  version: 1,
  schema: sweepEventSchema as z.ZodType<SweepEvent>,
};

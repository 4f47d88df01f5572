import { z } from 'zod';

import { specSchema } from '../../experiment/spec.js';
import { plainSchema } from '../../training/records.js';
import { earlyStoppingSchema } from './description.js';

const count = z.int().min(0);
const number = z.int().min(1);

const trialSchema = z.strictObject({
  /** From 1, in the order of the plan. */
  number,
  /** From 1; trials of a cell differ in their seeds alone. */
  cell: number,
  /** The keys that vary and make a difference to the trial's method, without the seed; of a baseline, `method`. */
  settings: z.record(z.string(), plainSchema),
  spec: specSchema,
  /** Hash of what determines the result. */
  key: z.string(),
  /** Hash of what determines the dense weights: trials with the same one share dense training. */
  denseKey: z.string(),
  /** `key` of the trial whose network it starts from, in a chain. */
  start: z.string().optional(),
  /** Weights kept in all, and by layer if that is known before the dense network is trained. */
  kept: z.strictObject({ total: count, layers: z.record(z.string(), count).optional() }),
});
/** One experiment of a sweep. */
export type Trial = z.infer<typeof trialSchema>;

export const planSchema = z.strictObject({
  name: z.string(),
  /** The base experiment's file. */
  base: z.string(),
  trials: z.array(trialSchema),
  /** Combinations that came twice and are run once; baselines that several cells share do not count. */
  duplicates: count,
  trainersPerTrial: number.optional(),
  earlyStopping: earlyStoppingSchema.optional(),
});
export type SweepPlan = z.infer<typeof planSchema>;

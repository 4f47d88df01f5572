import { z } from 'zod';

import { launchSchema, specSchema } from '../../experiment/spec.js';
import { plainSchema } from '../../training/records.js';
import { earlyStoppingSchema } from './description.js';

const count = z.int().min(0);
const number = z.int().min(1);

const trialSchema = z.strictObject({
  /** Number of the trial in the order of the plan, from 1. */
  number,
  /** Number of the cell, from 1. Trials of one cell differ only in their seeds. */
  cell: number,
  /** Settings of the varying keys that matter to the trial's method, without the seed. A baseline also has `method`. */
  settings: z.record(z.string(), plainSchema),
  spec: specSchema,
  /** Hash of everything that determines the result. */
  key: z.string(),
  /** Hash of everything that determines the dense weights. Trials with equal hashes share dense training. */
  denseKey: z.string(),
  /** In a chain, the `key` of the trial from whose network this one starts. */
  start: z.string().optional(),
  /** Number of weights that are kept in total, and per layer if this is known before dense training. */
  kept: z.strictObject({ total: count, layers: z.record(z.string(), count).optional() }),
  /** Number of the network's weights, without its biases. Earlier releases did not write it. */
  weights: count.optional(),
});
/** One experiment of a sweep. */
export type Trial = z.infer<typeof trialSchema>;

export const planSchema = z.strictObject({
  name: z.string(),
  /** Path of the base experiment. */
  base: z.string(),
  trials: z.array(trialSchema),
  /** Number of duplicate combinations, which are run once. Baselines that several cells share do not count. */
  duplicates: count,
  trainersPerTrial: number.optional(),
  earlyStopping: earlyStoppingSchema.optional(),
  /** How the trainers are started. The specs of the trials do not say it. */
  launch: launchSchema.optional(),
});
export type SweepPlan = z.infer<typeof planSchema>;

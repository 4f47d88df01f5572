import { z } from 'zod';
import { suggest } from '@prunegrid/core/text/suggestion';
import { methods } from '../../training/methods/index.js';
import type { Plain } from '../../experiment/yaml.js';

/** Methods that ADMM is compared with: all that are registered when a sweep is read. */
const baselines = (): string[] => methods.names.filter((name) => name !== 'admm');

const baseline = z.string().refine((name) => baselines().includes(name), {
  error: ({ input }) => `found ${JSON.stringify(input)}; ${suggest(String(input), baselines())}`,
});

const count = z.number().int().positive();

/** Whatever YAML can hold; the experiment's own schema judges it later. */
const value = z.custom<Plain>(() => true);
const settings = z.record(z.string(), value);
const values = z.array(value).min(1, 'must be a list with at least one value');

/** What a random trial draws a key from: a list, or a range, evenly or evenly in the logarithm. */
const distribution = z.union(
  [
    values,
    z
      .strictObject({ from: z.number(), to: z.number(), scale: z.enum(['linear', 'log']).default('linear') })
      .refine(({ from, scale }) => scale === 'linear' || from > 0, {
        path: ['from'],
        error: 'must be above 0 for scale: log',
      })
      .refine(({ from, to }) => from < to, { path: ['to'], error: 'must be above from' }),
  ],
  { error: 'must be a list of values or a map with from and to' },
);

/** Which trials may end before their last epoch of retraining; see `EarlyStopping`. */
export const earlyStoppingSchema = z.discriminatedUnion('rule', [
  z.strictObject({ rule: z.literal('asha'), firstEpoch: count.default(1), reduction: z.number().gt(1).default(3) }),
  z.strictObject({ rule: z.literal('median'), firstEpoch: count.default(1), trials: count.default(3) }),
]);

/**
 * A sweep: a base experiment and the keys that vary. Keys are an experiment's, joined by dots (`admm.rho`). Each of `grid`, `zip`,
 * `list`, `random` and `chain` gives alternatives; the sweep's cells are all combinations of them.
 */
export const sweepSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, ".", "_" and "-" only, 64 at most'),
  /** The base experiment's file, seen from the sweep's own. */
  base: z.string(),
  /** For every trial, in place of what the base says. */
  set: settings.default({}),
  /** Lists of values, crossed. */
  grid: z.record(z.string(), values).default({}),
  /** Lists of one length, taken together: the first of each, the second of each, as the rows of a table. */
  zip: z.record(z.string(), values).default({}),
  /** Explicit alternatives. */
  list: z.array(settings).default([]),
  /** So many alternatives drawn at random; the same seed draws the same. */
  random: z
    .strictObject({
      draws: count,
      seed: z.number().int().min(0).max(0xffffffff).default(1),
      over: z.record(z.string(), distribution),
    })
    .optional(),
  /**
   * Lists of one length, taken together, that prune ever more: all but the first start from the network of the one before and train its survivors
   * (progressive pruning, Ye et al. 2018, arXiv 1810.07378).
   */
  chain: z.record(z.string(), values).default({}),
  /** Each cell is run with so many seeds: the base's, the next one, and so on. */
  seeds: count.default(1),
  /**
   * Trainers of each trial, all leased at once; no trial gets more than it has micro-batches. If absent, the trainers that are free are
   * shared out. No result depends on it.
   */
  trainersPerTrial: count.optional(),
  earlyStopping: earlyStoppingSchema.optional(),
  /** Methods that every cell is run with besides its own: what a cell's keys do for ADMM alone then makes no further run. */
  baseline: z
    .union([baseline, z.array(baseline)], { error: () => `must be ${baselines().join(' or ')}, or a list of them` })
    .default([])
    .transform((named) => [...new Set([named].flat())]),
});

export type SweepDescription = z.infer<typeof sweepSchema>;
export type EarlyStoppingRule = z.infer<typeof earlyStoppingSchema>;
export type Distribution = z.infer<typeof distribution>;

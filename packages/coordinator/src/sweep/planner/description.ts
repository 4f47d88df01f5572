import { z } from 'zod';
import { suggest } from '@prunegrid/core/text/suggestion';
import { methods } from '../../training/methods/index.js';
import type { Plain } from '../../experiment/yaml.js';

/** Returns the methods with which ADMM can be compared: all that are registered when a sweep is read. */
const baselines = (): string[] => methods.names.filter((name) => name !== 'admm');

const baseline = z.string().refine((name) => baselines().includes(name), {
  error: ({ input }) => `found ${JSON.stringify(input)}; ${suggest(String(input), baselines())}`,
});

const count = z.number().int().positive();

/** Any YAML value. The schema of the experiment checks it later. */
const value = z.custom<Plain>(() => true);
const settings = z.record(z.string(), value);
const values = z.array(value).min(1, 'must be a list with at least one value');

/** Distribution of a key's random values: uniform over a list, or uniform or log-uniform over a range. */
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

/** Rule that decides which trials end before their last epoch of retraining; see `EarlyStopping`. */
export const earlyStoppingSchema = z.discriminatedUnion('rule', [
  z.strictObject({ rule: z.literal('asha'), firstEpoch: count.default(1), reduction: z.number().gt(1).default(3) }),
  z.strictObject({ rule: z.literal('median'), firstEpoch: count.default(1), trials: count.default(3) }),
]);

/**
 * Schema of a sweep: a base experiment and the keys that vary. The parts of a key are joined by dots (`admm.rho`). Each
 * of `grid`, `zip`, `list`, `random` and `chain` gives alternatives, and the sweep's cells are all combinations of
 * them.
 */
export const sweepSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, ".", "_" and "-" only, 64 at most'),
  /** Path of the base experiment, relative to the sweep's file. */
  base: z.string(),
  /** Settings of every trial that replace those of the base experiment. */
  set: settings.default({}),
  /** Lists of values, of which all combinations are run. */
  grid: z.record(z.string(), values).default({}),
  /** Lists of equal length whose elements vary together: the first of each, the second of each, and so on. */
  zip: z.record(z.string(), values).default({}),
  /** Alternatives that are written out, each with its own keys. */
  list: z.array(settings).default([]),
  /** Alternatives that are drawn at random. Equal seeds give equal alternatives. */
  random: z
    .strictObject({
      draws: count,
      seed: z.number().int().min(0).max(0xffffffff).default(1),
      over: z.record(z.string(), distribution),
    })
    .optional(),
  /**
   * Lists of equal length whose elements vary together and prune more at each point. Every point after the first starts
   * from the network of the previous point and trains its survivors (progressive pruning, Ye et al. 2018, arXiv
   * 1810.07378).
   */
  chain: z.record(z.string(), values).default({}),
  /** Number of seeds with which each cell is run: the base experiment's seed and the integers that follow it. */
  seeds: count.default(1),
  /**
   * Number of trainers of each trial, which are leased together. No trial gets more trainers than it has micro-batches.
   * If absent, free trainers are shared among the trials. The number changes no result.
   */
  trainersPerTrial: count.optional(),
  earlyStopping: earlyStoppingSchema.optional(),
  /** How the trainers of all trials are started, in place of what the base experiment says. */
  launch: settings.optional(),
  /** Methods with which every cell is run in addition. Cells that differ only in keys of ADMM share one such run. */
  baseline: z
    .union([baseline, z.array(baseline)], { error: () => `must be ${baselines().join(' or ')}, or a list of them` })
    .default([])
    .transform((named) => [...new Set([named].flat())]),
});

export type SweepDescription = z.infer<typeof sweepSchema>;
export type EarlyStoppingRule = z.infer<typeof earlyStoppingSchema>;
export type Distribution = z.infer<typeof distribution>;

import { z } from 'zod';

import { budgets } from '@prunegrid/numerics/budgets';
import { constraints } from '@prunegrid/numerics/constraints';
import { registered } from './registered.js';

const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);
const count = z.number().int().positive();

/** Learning rate as a function of the step within a phase. Every rate is per step of the optimizer. */
const learningRate = z.discriminatedUnion('schedule', [
  z.strictObject({ schedule: z.literal('constant'), value: positive }),
  /** `initial * factor^floor(epoch / everyEpochs)`. */
  z.strictObject({ schedule: z.literal('step'), initial: positive, factor: positive, everyEpochs: count }),
  /** Half a cosine from `from` at the phase's first step to `to` at its last. */
  z.strictObject({ schedule: z.literal('cosine'), from: positive, to: positive }),
  /** Smith & Topin 2018: cosine from max/divide up to `max` over the `warmup` share, then down to max/finalDivide. */
  z.strictObject({
    schedule: z.literal('one-cycle'),
    max: positive,
    warmup: z.number().gt(0).lt(1).default(0.3),
    divide: positive.default(25),
    finalDivide: positive.default(250_000),
  }),
]);

/** `weightDecay` is the lambda of an L2 term (lambda/2)*||W||^2 on weights, not biases; it is added to the gradient. */
const optimizer = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('adam'),
    beta1: fraction.default(0.9),
    beta2: fraction.default(0.999),
    epsilon: positive.default(1e-8),
    weightDecay: z.number().min(0).default(0),
  }),
  z.strictObject({
    name: z.literal('sgd'),
    momentum: fraction.default(0.9),
    weightDecay: z.number().min(0).default(0),
  }),
]);

/** rho by ADMM iteration: one number, or a path from `from` (first iteration) to `to` (last one). */
const rho = z.union([
  positive,
  z.strictObject({ schedule: z.enum(['linear', 'geometric']), from: positive, to: positive }),
]);

const sgdPhase = {
  optimizer: optimizer.default({ name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }),
  learningRate,
  /** Probability with which a unit of the model's dropout layer is dropped while training. */
  dropout: fraction.default(0),
};

/** What a layer's weights are held to, as plain data: a registered constraint's name and its parameters. */
const constraint = z
  .object({ kind: registered(constraints) })
  .catchall(z.union([z.number(), z.string()], { error: 'must be a number or text' }));

const keys = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, ".", "_" and "-" only, 64 at most'),
  seed: z.number().int().min(0).max(0xffffffff).default(1),
  /** What computes gradients on the trainers. */
  engine: z.string().default('tensorflow'),
  model: z.string(),
  dataset: z.strictObject({
    name: z.string(),
    /** The last so many training images are held out for choosing and early stopping. */
    validation: z.number().int().min(1).default(5000),
    /** Largest random translation of a training image, in pixels, in each direction. */
    shift: z.number().int().min(0).max(8).default(0),
    /** Use only the first so many images of the training part and of the test set: for smoke runs. */
    limit: count.optional(),
  }),
  batch: z
    .strictObject({
      /** Images in one optimizer step, over all trainers. */
      global: count.default(128),
      /** Parts that the global batch is cut into, a power of two; fixes the order of summation whoever computes them. */
      microBatches: count.default(4),
    })
    .refine(({ microBatches }) => Number.isInteger(Math.log2(microBatches)), {
      path: ['microBatches'],
      error: 'must be a power of two',
      abort: true,
    })
    .refine(({ global, microBatches }) => global % microBatches === 0, {
      path: ['microBatches'],
      error: 'must divide batch.global',
    })
    .prefault({}),
  /** What trainers exchange, if less than every bit is enough. */
  exchange: z
    .strictObject({
      /** `bfloat16`: each micro-batch's gradient is rounded, and what is left out is added to its next one. */
      gradients: z.enum(['float32', 'bfloat16']).default('float32'),
      /** Above 1, local SGD: each micro-batch moves weights of its own, and all are averaged after so many steps. */
      syncEvery: count.default(1),
    })
    .refine(({ gradients, syncEvery }) => gradients === 'float32' || syncEvery === 1, {
      path: ['gradients'],
      error: 'bfloat16 is for gradients, and with syncEvery above 1 weights are exchanged: take one of the two out',
    })
    .prefault({}),
  /** Threads of one trainer's engine. Another number gives other bits. */
  threadsPerTrainer: count.default(1),
  /** Weights kept in each pruned layer, as counts; a layer left out stays dense. */
  keep: z.record(z.string(), z.number().int().min(0)).optional(),
  /** Instead of `keep`: weights over weights kept, in the whole network, and how the layers share them. */
  budget: z.strictObject({ rule: registered(budgets), ratio: z.number().gt(1) }).optional(),
  /** Layers that are held to something else than a count of weights. */
  constraints: z.record(z.string(), constraint).optional(),
  /** ADMM, or a baseline at the same number of epochs. `checkAgainstCatalogue` holds the name against the registered methods. */
  method: z.string().default('admm'),
  dense: z.strictObject({ epochs: count, ...sgdPhase }),
  admm: z.strictObject({
    iterations: count,
    epochsPerIteration: count.default(1),
    rho,
    ...sgdPhase,
    /** Stop before `iterations` when every layer's ||W - Z||/||W|| and share of changed support are at most these. */
    stopEarly: z.strictObject({ primalResidual: positive, supportChange: fraction }).optional(),
  }),
  retrain: z.strictObject({ epochs: count, ...sgdPhase }),
});

export const specSchema = keys
  .refine(({ keep, budget, constraints }) => (keep ?? budget ?? constraints) !== undefined, {
    path: ['keep'],
    error: 'missing; give the weights kept in each layer, or a budget for the whole network',
  })
  .refine(({ keep, budget }) => keep === undefined || budget === undefined, {
    path: ['budget'],
    error: 'beside keep, which says the same in another way: take one of the two out, such as by --set keep=null',
  })
  .refine(({ budget, constraints }) => budget === undefined || constraints === undefined, {
    path: ['budget'],
    error:
      'beside constraints, but a budget is for all layers: give the others counts by keep, and take the budget out',
  });

/** A resolved experiment: every default is filled in. */
export type Spec = z.infer<typeof specSchema>;
export type RhoSpec = Spec['admm']['rho'];
export type LearningRateSpec = Spec['dense']['learningRate'];
export type OptimizerSpec = Spec['dense']['optimizer'];
/** The phases of a run in their order. `prune` lies between dense training and masked retraining, whatever the method. */
export const phaseNames = ['dense', 'prune', 'retrain'] as const;
export type PhaseName = (typeof phaseNames)[number];

/** How a phase trains. The epochs of `prune` are trained as `admm` says, whatever the method. */
export const recipeOf = (spec: Spec, phase: PhaseName): Pick<Spec['admm'], 'optimizer' | 'learningRate' | 'dropout'> =>
  phase === 'prune' ? spec.admm : spec[phase];

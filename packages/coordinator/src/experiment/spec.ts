import { z } from 'zod';

import { budgets } from '@prunegrid/numerics/budgets';
import { suggest } from '@prunegrid/core/text/suggestion';
import { datasetChoiceSchema, isDatasetPath } from '@prunegrid/trainer/datasets';
import { metricName } from '@prunegrid/trainer/losses';
import { isModelPath } from '@prunegrid/trainer/models';
import { constraint, kept, layerNames, measured } from './layer-keys.js';
import { learningRate, rho, sgdPhase } from './phase-keys.js';
import { registered } from './registered.js';
import { weightsSchema } from './starting-weights.js';

const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);
const count = z.number().int().positive();

/** The number of examples that are held out of a registered data set. Of files it is a share. */
const HELD_OUT = 5000;

/** Keys that say how files are read. */
const ofFiles = ['inputs', 'labels', 'shape', 'channels', 'classes'] as const;

export const datasetSchema = datasetChoiceSchema
  .extend({
    /** The largest random translation of a training image in each direction, in pixels. */
    shift: z.number().int().min(0).max(8).default(0),
  })
  .refine(({ shift, augment }) => shift === 0 || augment === undefined, {
    path: ['shift'],
    error: 'beside augment: put { shift: N } into that list instead',
  })
  .superRefine((choice, context) => {
    if (isDatasetPath(choice.name)) return;
    const extra = ofFiles.find((key) => choice[key] !== undefined);
    if (extra === undefined) return;
    const message = `is for data in files, and ${choice.name} is registered: take the key out`;
    context.addIssue({ code: 'custom', path: [extra], message });
  })
  .transform((choice) => ({
    ...choice,
    validation: choice.validation ?? (isDatasetPath(choice.name) ? undefined : HELD_OUT),
  }));

/**
 * How trainers are started, which changes no result: the name of a launcher and its own keys, which
 * `checkAgainstCatalogue` checks.
 */
export const launchSchema = z.object({ name: z.string() }).catchall(z.json());

const keys = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, ".", "_" and "-" only, 64 at most'),
  seed: z.number().int().min(0).max(0xffffffff).default(1),
  /** The engine that computes gradients on the trainers. */
  engine: z.string().default('tensorflow'),
  /** How exactly the engine `xla` multiplies: `float32`, the default, or `tf32` on GPUs that have it. */
  precision: z.enum(['float32', 'tf32']).optional(),
  model: z.string(),
  /** The weights that dense training starts from, or that are pruned as they are. */
  weights: weightsSchema.optional(),
  dataset: datasetSchema,
  batch: z
    .strictObject({
      /** The number of images in one optimizer step, over all trainers. */
      global: count.default(128),
      /**
       * The number of micro-batches in the global batch, a power of two. It fixes the order of summation, whichever
       * trainers compute the micro-batches.
       */
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
  /** Options that reduce the traffic between trainers if results may differ from those of an exact exchange. */
  exchange: z
    .strictObject({
      /**
       * `bfloat16`: each micro-batch's gradient is rounded, and the rounding error is added to its next gradient (error
       * feedback).
       */
      gradients: z.enum(['float32', 'bfloat16']).default('float32'),
      /** If above 1, local SGD: each micro-batch has its own weights, and all are averaged after this many steps. */
      syncEvery: count.default(1),
    })
    .refine(({ gradients, syncEvery }) => gradients === 'float32' || syncEvery === 1, {
      path: ['gradients'],
      error: 'bfloat16 is for gradients, and with syncEvery above 1 weights are exchanged: take one of the two out',
    })
    .prefault({}),
  /** The number of threads of each trainer's engine. Another number gives other bits. */
  threadsPerTrainer: count.default(1),
  /**
   * The number of weights kept in each pruned layer, or a share of them, by the layer's name or a pattern; see
   * `layerRules`. A layer that is not listed stays dense.
   */
  keep: z.record(z.string(), kept).optional(),
  /**
   * An alternative to `keep`: the compression ratio of the whole network, and the rule by which the layers share the
   * kept weights.
   */
  budget: z
    .strictObject({
      rule: registered(budgets),
      ratio: z.number().gt(1),
      /** The measurement that the rule needs, which prunegrid sensitivity has made. */
      measured: measured.optional(),
    })
    .optional(),
  /** The layers that are pruned, and those that are not, by names and patterns. By default all layers are pruned. */
  only: layerNames.optional(),
  except: layerNames.optional(),
  /** The constraints of layers that have another constraint than a number of weights. */
  constraints: z.record(z.string(), constraint).optional(),
  /**
   * The pruning method: ADMM, or a baseline with the same number of epochs. `checkAgainstCatalogue` checks that the
   * name is registered.
   */
  method: z.string().default('admm'),
  /** The loss, if it is not the cross-entropy of a classifier: a registered name, or the path of a module. */
  loss: z.string().optional(),
  /** The paths of modules with metrics that evaluations measure beside loss and accuracy. */
  metrics: z.array(z.string()).min(1).optional(),
  /** The score on the validation part by which the best epoch of retraining and the best trials are chosen. */
  choose: z
    .union(
      [
        z.enum(['accuracy', 'top5', 'loss']),
        z.strictObject({ metric: z.string(), best: z.enum(['highest', 'lowest']) }),
      ],
      { error: 'allowed: accuracy, top5, loss, or { metric: NAME, best: highest or lowest } of one of metrics' },
    )
    .default('accuracy'),
  dense: z
    .strictObject({
      /** If it is 0, the trained weights of the network's file are pruned as they are. */
      epochs: z.number().int().min(0),
      /** Whether a network whose file has trained weights is trained from random ones instead. */
      fresh: z.boolean().optional(),
      ...sgdPhase,
      learningRate: learningRate.optional(),
    })
    .refine(({ epochs, learningRate }) => epochs === 0 || learningRate !== undefined, {
      path: ['learningRate'],
      error: 'missing; must be a map of keys that begins with "schedule"',
    })
    .refine(({ epochs, fresh }) => epochs > 0 || !fresh, {
      path: ['fresh'],
      error: 'true, and no epochs train the random weights: take fresh out, or raise dense.epochs',
    }),
  admm: z.strictObject({
    iterations: count,
    epochsPerIteration: count.default(1),
    rho,
    ...sgdPhase,
    /**
     * If set, ADMM stops before `iterations` when ||W - Z||/||W|| and the share of changed support of every layer are
     * at most these limits.
     */
    stopEarly: z.strictObject({ primalResidual: positive, supportChange: fraction }).optional(),
  }),
  retrain: z.strictObject({ epochs: count, ...sgdPhase }),
  launch: launchSchema.optional(),
});

type DropoutSpec = number | 'network';

export const specSchema = keys
  .refine(({ engine, precision }) => engine !== 'tensorflow' || precision !== 'tf32', {
    path: ['precision'],
    error: 'tf32 is for GPUs, by engine: xla; tensorflow computes in float32',
  })
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
  })
  .refine(({ weights: start, dense }) => start === undefined || !dense.fresh, {
    path: ['dense', 'fresh'],
    error: 'beside weights, which are trained already: take one of the two out',
  })
  .superRefine(({ loss, dense, admm, retrain }, context) => {
    for (const [phase, { labelSmoothing }] of Object.entries({ dense, admm, retrain })) {
      if (loss === undefined || !labelSmoothing) continue;
      const message = 'is of cross-entropy, and loss names another one: take one of the two out';
      context.addIssue({ code: 'custom', path: [phase, 'labelSmoothing'], message });
    }
  })
  .superRefine(({ metrics = [], choose }, context) => {
    if (typeof choose === 'string') return;
    const names = metrics.map(metricName);
    if (names.includes(choose.metric)) return;
    const message = `no metric "${choose.metric}"; ${names.length > 0 ? suggest(choose.metric, names) : 'name its module in metrics'}`;
    context.addIssue({ code: 'custom', path: ['choose', 'metric'], message });
  })
  .superRefine(({ dense, admm, retrain }, context) => {
    const phases = {
      dense,
      admm: { ...admm, epochs: admm.iterations * admm.epochsPerIteration },
      retrain,
    };
    for (const [phase, { epochs, learningRate }] of Object.entries(phases)) {
      const { warmUp = 0 } = (learningRate ?? {}) as { warmUp?: number | undefined };
      if (warmUp === 0 || warmUp < epochs) continue;
      const message = `found ${warmUp}; the phase has ${epochs} epochs: warm up for fewer`;
      context.addIssue({ code: 'custom', path: [phase, 'learningRate', 'warmUp'], message });
    }
  })
  .transform(({ dense, admm, retrain, ...rest }) => {
    const usual: DropoutSpec = isModelPath(rest.model) ? 'network' : 0;
    const filled = <Phase extends { dropout?: DropoutSpec | undefined }>({ dropout = usual, ...phase }: Phase) => ({
      ...phase,
      dropout,
    });
    return { ...rest, dense: filled(dense), admm: filled(admm), retrain: filled(retrain) };
  });

/** A resolved experiment, in which every default is filled in. */
export type Spec = z.infer<typeof specSchema>;
export type RhoSpec = Spec['admm']['rho'];
export type LearningRateSpec = Spec['admm']['learningRate'];
export type OptimizerSpec = Spec['dense']['optimizer'];
/** The phases of a run in their order. For every method, `prune` is between dense training and masked retraining. */
export const phaseNames = ['dense', 'prune', 'retrain'] as const;
export type PhaseName = (typeof phaseNames)[number];

/**
 * Returns how a phase trains. For every method, the epochs of `prune` are trained with the settings of `admm`. Only a
 * phase without epochs has no learning rate.
 */
export const recipeOf = (spec: Spec, phase: PhaseName): Pick<Spec['dense'], keyof typeof sgdPhase> =>
  phase === 'prune' ? spec.admm : spec[phase];

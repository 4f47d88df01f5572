import { z } from 'zod';

const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);
const count = z.number().int().positive();

/**
 * `warmUp` is a number of epochs, which may be a fraction. During these the rate grows linearly up to the schedule's
 * first value (Goyal et al. 2017, arXiv 1706.02677), and the schedule takes the steps that are left.
 */
const warmUp = positive.optional();

/** The learning rate as a function of the step within a phase. It is applied at every step of the optimizer. */
export const learningRate = z.discriminatedUnion('schedule', [
  z.strictObject({ schedule: z.literal('constant'), value: positive, warmUp }),
  /** `initial * factor^floor(epoch / everyEpochs)`. */
  z.strictObject({ schedule: z.literal('step'), initial: positive, factor: positive, everyEpochs: count, warmUp }),
  /** Half a cosine from `from` at the phase's first step to `to` at its last step. */
  z.strictObject({ schedule: z.literal('cosine'), from: positive, to: positive, warmUp }),
  /**
   * Smith & Topin 2018: a cosine from max/divide up to `max` during the share `warmup` of the steps, then down to
   * max/finalDivide.
   */
  z.strictObject({
    schedule: z.literal('one-cycle'),
    max: positive,
    warmup: z.number().gt(0).lt(1).default(0.3),
    divide: positive.default(25),
    finalDivide: positive.default(250_000),
  }),
]);

/**
 * `weightDecay` is the factor lambda of an L2 term (lambda/2)*||W||^2 on weights, but not on biases. Its gradient is
 * added to the gradient of the loss. With AdamW, each step instead multiplies the weights by 1 - rate * lambda.
 */
const optimizer = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('adam'),
    beta1: fraction.default(0.9),
    beta2: fraction.default(0.999),
    epsilon: positive.default(1e-8),
    weightDecay: z.number().min(0).default(0),
  }),
  z.strictObject({
    name: z.literal('adamw'),
    beta1: fraction.default(0.9),
    beta2: fraction.default(0.999),
    epsilon: positive.default(1e-8),
    /** The default is that of PyTorch. */
    weightDecay: z.number().min(0).default(0.01),
  }),
  z
    .strictObject({
      name: z.literal('sgd'),
      momentum: fraction.default(0.9),
      weightDecay: z.number().min(0).default(0),
      /** Whether the momentum is Nesterov's, as in PyTorch, instead of the heavy ball. */
      nesterov: z.boolean().optional(),
    })
    .refine(({ nesterov, momentum }) => !nesterov || momentum > 0, {
      path: ['nesterov'],
      error: 'is a kind of momentum, which is 0: raise momentum, or take nesterov out',
    }),
]);

/** rho for each ADMM iteration: one number, or a schedule from `from` (first iteration) to `to` (last iteration). */
export const rho = z.union([
  positive,
  z.strictObject({ schedule: z.enum(['linear', 'geometric']), from: positive, to: positive }),
]);

/** The keys that say how a phase trains. */
export const sgdPhase = {
  optimizer: optimizer.default({ name: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }),
  learningRate,
  /**
   * The probability with which a unit is dropped during training in each of the model's dropouts, or `network` for the
   * network's own ones, which is the default of networks from files. That of registered models is 0.
   */
  dropout: z.union([fraction, z.literal('network')]).optional(),
  /**
   * The share of each target that is spread evenly over all classes during training (Szegedy et al. 2016, arXiv
   * 1512.00567), as PyTorch's CrossEntropyLoss defines it. The training loss contains it, evaluations do not.
   */
  labelSmoothing: fraction.optional(),
  /**
   * The largest L2 norm of the loss's gradient over all parameters that the phase trains; a larger gradient is scaled
   * down to it, as by torch.nn.utils.clip_grad_norm_. ADMM's penalty and weight decay are added after that.
   */
  gradientClipping: positive.optional(),
};

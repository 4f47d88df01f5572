/** Adam (Kingma & Ba 2015, arXiv 1412.6980), with an L2 term that is added to the gradient. */
export interface Adam {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
}

/**
 * AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101): Adam in which each step shrinks weights by the factor 1 -
 * learning rate * weight decay, instead of an L2 term in the gradient.
 */
export type AdamW = Adam;

/** Stochastic gradient descent with momentum, and an L2 term that is added to the gradient. */
export interface Sgd {
  momentum: number;
  weightDecay: number;
  /** Whether the momentum is Nesterov's, as in PyTorch, instead of the heavy ball. */
  nesterov?: boolean | undefined;
}

export type OptimizerChoice =
  { $case: 'adam'; value: Adam } | { $case: 'adamw'; value: AdamW } | { $case: 'sgd'; value: Sgd };

/** The state of an optimizer between two steps. */
export interface OptimizerState {
  /** The number of steps done so far. */
  steps: number;
  /** The moments, in the order of `Optimizer.moments`. */
  moments: readonly Float32Array[];
  /**
   * The residuals of error feedback for each micro-batch, present if gradients are rounded to bfloat16: the sum of the
   * rounding errors that no later gradient has compensated yet.
   */
  residuals?: readonly Float32Array[];
}

/** The number of moments of each optimizer: Adam and AdamW have a first and a second moment, SGD has the velocity. */
export const momentCounts: Readonly<Record<OptimizerChoice['$case'], number>> = { adam: 2, adamw: 2, sgd: 1 };

/** Adam (Kingma & Ba 2015, arXiv 1412.6980), with an L2 term that is added to the gradient. */
export interface Adam {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
}

/** Stochastic gradient descent with heavy-ball momentum, and an L2 term that is added to the gradient. */
export interface Sgd {
  momentum: number;
  weightDecay: number;
}

export type OptimizerChoice = { $case: 'adam'; value: Adam } | { $case: 'sgd'; value: Sgd };

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

/** The number of moments of each optimizer: Adam has a first and a second moment, SGD has the velocity. */
export const momentCounts: Readonly<Record<OptimizerChoice['$case'], number>> = { adam: 2, sgd: 1 };

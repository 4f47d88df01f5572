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

/** An optimizer in the middle of its work. */
export interface OptimizerState {
  /** Steps done. */
  steps: number;
  /** As `Optimizer.moments`. */
  moments: readonly Float32Array[];
  /** Where gradients are rounded to bfloat16: by micro-batch, what that has left out of them so far. */
  residuals?: readonly Float32Array[];
}

/** How many moments an optimizer has: Adam the first and the second, SGD the velocity. */
export const momentCounts: Readonly<Record<OptimizerChoice['$case'], number>> = { adam: 2, sgd: 1 };

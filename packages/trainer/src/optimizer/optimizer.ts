import type { Adam, Sgd } from '@prunegrid/proto';

export type OptimizerChoice = { $case: 'adam'; value: Adam } | { $case: 'sgd'; value: Sgd };

/** A run of parameters of one kind: L2 regularisation acts on weights, not on biases. */
export interface ParameterRange {
  from: number;
  to: number;
  decayed: boolean;
  /**
   * ADMM's, (rho/2) * ||W - Z + U||_F^2 (Zhang et al. 2018, eq. 8: squared norm, with the one half), whose gradient rho * (W - Z + U) is added to that of the loss.
   * `target` is Z - U of these parameters: the coordinator sends the difference, since Z and U are constants of the W-subproblem.
   */
  penalty?: { rho: number; target: Float32Array } | undefined;
}

/**
 * Updates a vector of parameters in place. The arithmetic is the processor's own in double precision, rounded to float32 when
 * stored, so every replica that sees the same gradients has the same bits, whatever engine it computes with.
 */
export interface Optimizer {
  /** The running moments, each as long as the parameters: Adam's first and second, SGD's velocity. */
  readonly moments: readonly Float32Array[];
  /** Begins step `number`, from 1, in which each parameter is to be moved once. */
  step(number: number, learningRate: number): Move;
}

/** Moves the parameters from, ..., to - 1 along their gradient, whose first element is that of `from`; what lies beyond them is not read. */
export type Move = (parameters: Float32Array, gradient: Float32Array, from: number, to: number) => void;

/** An optimizer in the middle of its work. */
export interface OptimizerState {
  /** Steps done. */
  steps: number;
  /** As `Optimizer.moments`. */
  moments: readonly Float32Array[];
  /** Where gradients are rounded to bfloat16: by micro-batch, what that has left out of them so far. */
  residuals?: readonly Float32Array[];
}

/** How many moments an optimizer has. */
export const momentCounts: Readonly<Record<OptimizerChoice['$case'], number>> = { adam: 2, sgd: 1 };

/**
 * @param ranges cover the parameters, in order
 * @param moments where it goes on, and its own from now on; by default it begins
 */
export function createOptimizer(
  choice: OptimizerChoice,
  ranges: ParameterRange[],
  moments: Optimizer['moments'] = freshMoments(choice, ranges),
): Optimizer {
  return choice.$case === 'adam' ? adam(choice.value, ranges, moments) : sgd(choice.value, ranges, moments);
}

const freshMoments = ({ $case }: OptimizerChoice, ranges: ParameterRange[]): Float32Array[] =>
  Array.from({ length: momentCounts[$case] }, () => new Float32Array(ranges.at(-1)?.to ?? 0));

function adam(
  { beta1, beta2, epsilon, weightDecay }: Adam,
  ranges: ParameterRange[],
  moments: Optimizer['moments'],
): Optimizer {
  const [first, second] = moments;
  return {
    moments,
    step(number, learningRate) {
      const rate = learningRate / (1 - beta1 ** number);
      const correction = 1 / Math.sqrt(1 - beta2 ** number);
      return byRange(ranges, weightDecay, (parameters, gradient, target, from, to, rho, decay) => {
        const moments = [first, second] as const;
        moveByAdam(
          ...[parameters, gradient, target, ...moments, from, to, rho, decay],
          ...[beta1, beta2, rate, correction, epsilon],
        );
      });
    },
  };
}

function sgd({ momentum, weightDecay }: Sgd, ranges: ParameterRange[], moments: Optimizer['moments']): Optimizer {
  const [velocity] = moments;
  return {
    moments,
    step(_number, learningRate) {
      return byRange(ranges, weightDecay, (parameters, gradient, target, from, to, rho, decay) => {
        moveByMomentum(parameters, gradient, target, velocity, from, to, rho, decay, momentum, learningRate);
      });
    },
  };
}

/** Splits a move at the borders of the ranges. Of `gradient` and `target`, which is read where rho is not 0, the first element is that of `from`. */
function byRange(
  ranges: readonly ParameterRange[],
  weightDecay: number,
  move: (
    parameters: Float32Array,
    gradient: Float32Array,
    target: Float32Array,
    from: number,
    to: number,
    rho: number,
    decay: number,
  ) => void,
): Move {
  return (parameters, gradient, start, end) => {
    for (const { from, to, decayed, penalty } of ranges) {
      const [first, last] = [Math.max(from, start), Math.min(to, end)];
      if (first >= last) continue;
      const own = gradient.subarray(first - start);
      const target = penalty ? penalty.target.subarray(first - from) : own;
      move(parameters, own, target, first, last, penalty?.rho ?? 0, decayed ? weightDecay : 0);
    }
  };
}

// The loops take all that they use as parameters: as closures they would be compiled anew for every optimizer, and twice as slow once there have been several.
// The penalty is added within them: as a pass of its own it costs a fifth of the move, here it hides behind the divisions. It is rounded as the pass would.

/** Kingma & Ba 2015, algorithm 1; the L2 term is part of the gradient. `rate` and `correction` hold the corrections of the moments' bias. */
function moveByAdam(
  parameters: Float32Array,
  gradient: Float32Array,
  target: Float32Array,
  first: Float32Array,
  second: Float32Array,
  from: number,
  to: number,
  rho: number,
  decay: number,
  beta1: number,
  beta2: number,
  rate: number,
  correction: number,
  epsilon: number,
): void {
  for (let i = from; i < to; i++) {
    const w = parameters[i];
    let g = gradient[i - from];
    if (rho !== 0) g = Math.fround(g + rho * (w - target[i - from]));
    g += decay * w;
    const m = (first[i] = beta1 * first[i] + (1 - beta1) * g);
    const v = (second[i] = beta2 * second[i] + (1 - beta2) * g * g);
    parameters[i] = w - (rate * m) / (Math.sqrt(v) * correction + epsilon);
  }
}

/** Heavy-ball momentum as in Caffe and PyTorch: v = momentum * v + g; W = W - learningRate * v. */
function moveByMomentum(
  parameters: Float32Array,
  gradient: Float32Array,
  target: Float32Array,
  velocity: Float32Array,
  from: number,
  to: number,
  rho: number,
  decay: number,
  momentum: number,
  learningRate: number,
): void {
  for (let i = from; i < to; i++) {
    const w = parameters[i];
    let g = gradient[i - from];
    if (rho !== 0) g = Math.fround(g + rho * (w - target[i - from]));
    const v = (velocity[i] = momentum * velocity[i] + g + decay * w);
    parameters[i] = w - learningRate * v;
  }
}

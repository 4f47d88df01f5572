import type { Adam, Sgd } from '@prunegrid/proto';

export type OptimizerChoice = { $case: 'adam'; value: Adam } | { $case: 'sgd'; value: Sgd };

/** A run of parameters of one kind: L2 regularisation acts on weights, not on biases. */
export interface ParameterRange {
  from: number;
  to: number;
  decayed: boolean;
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
      return byRange(ranges, weightDecay, (parameters, gradient, from, to, decay) => {
        moveByAdam(parameters, gradient, first, second, from, to, decay, beta1, beta2, rate, correction, epsilon);
      });
    },
  };
}

function sgd({ momentum, weightDecay }: Sgd, ranges: ParameterRange[], moments: Optimizer['moments']): Optimizer {
  const [velocity] = moments;
  return {
    moments,
    step(_number, learningRate) {
      return byRange(ranges, weightDecay, (parameters, gradient, from, to, decay) => {
        moveByMomentum(parameters, gradient, velocity, from, to, decay, momentum, learningRate);
      });
    },
  };
}

/** Splits a move at the borders of the ranges. `move` is handed the gradient of its own parameters, and their L2 term's factor. */
function byRange(
  ranges: readonly ParameterRange[],
  weightDecay: number,
  move: (...args: [...Parameters<Move>, decay: number]) => void,
): Move {
  return (parameters, gradient, start, end) => {
    for (const { from, to, decayed } of ranges) {
      const [first, last] = [Math.max(from, start), Math.min(to, end)];
      if (first < last) move(parameters, gradient.subarray(first - start), first, last, decayed ? weightDecay : 0);
    }
  };
}

// The loops take all that they use as parameters: as closures they would be compiled anew for every optimizer, and twice as slow once there have been several.

/** Kingma & Ba 2015, algorithm 1; the L2 term is part of the gradient. `rate` and `correction` hold the corrections of the moments' bias. */
function moveByAdam(
  parameters: Float32Array,
  gradient: Float32Array,
  first: Float32Array,
  second: Float32Array,
  from: number,
  to: number,
  decay: number,
  beta1: number,
  beta2: number,
  rate: number,
  correction: number,
  epsilon: number,
): void {
  for (let i = from; i < to; i++) {
    const g = gradient[i - from] + decay * parameters[i];
    const m = (first[i] = beta1 * first[i] + (1 - beta1) * g);
    const v = (second[i] = beta2 * second[i] + (1 - beta2) * g * g);
    parameters[i] -= (rate * m) / (Math.sqrt(v) * correction + epsilon);
  }
}

/** Heavy-ball momentum as in Caffe and PyTorch: v = momentum * v + g; W = W - learningRate * v. */
function moveByMomentum(
  parameters: Float32Array,
  gradient: Float32Array,
  velocity: Float32Array,
  from: number,
  to: number,
  decay: number,
  momentum: number,
  learningRate: number,
): void {
  for (let i = from; i < to; i++) {
    const v = (velocity[i] = momentum * velocity[i] + gradient[i - from] + decay * parameters[i]);
    parameters[i] -= learningRate * v;
  }
}

import { Failure } from '@prunegrid/core/failure';
import { PAGE_BYTES } from '../webassembly/compile.js';
import { type Loop, loopsOn } from './loops.js';
import { type Adam, momentCounts, type OptimizerChoice, type Sgd } from './state.js';

/** The parameters from, ..., to - 1, which are of one kind. */
export interface ParameterRange {
  from: number;
  to: number;
  /** Whether L2 regularisation acts on them: on weights, not on biases. */
  decayed: boolean;
  /** Whether their gradient is simply added to them, as with running means, which no optimizer moves. */
  added?: boolean;
}

/**
 * ADMM's, (rho/2) * ||W - Z + U||_F^2 (Zhang et al. 2018, eq. 8: squared norm, with the one half), whose gradient rho * (W - Z + U) is added to that of the loss.
 */
export interface Penalty {
  rho: number;
  /** Z - U of a range's parameters: the coordinator sends the difference, since Z and U are constants of the W-subproblem. */
  target: Float32Array;
}

/**
 * Updates a vector of parameters in place. The arithmetic is the processor's own in double precision, rounded to float32 when
 * stored, so every replica that sees the same gradients has the same bits, whatever engine it computes with.
 */
export interface Optimizer {
  readonly parameters: Float32Array;
  /** The running moments, each as long as the parameters: Adam's first and second, SGD's velocity. */
  readonly moments: readonly Float32Array[];
  /** Those of the ranges, by their index. */
  readonly penalties: ReadonlyMap<number, Penalty>;
  /** Replaces all penalties; the targets are copied. */
  setPenalties(penalties: ReadonlyMap<number, Penalty>): void;
  /** Begins step `number`, from 1, in which each parameter is to be moved once. */
  step(number: number, learningRate: number): Update;
}

/** Moves the parameters from number `from` on along their gradient; others are not read. */
export type Update = (gradient: Float32Array, from: number) => void;

/**
 * @param ranges cover the parameters, in order
 * @param parameters where it begins; they are copied
 * @param moments where it goes on; they are copied. By default it begins with zeros.
 * Throws Failure where there are more parameters than it can hold: some 2.6 * 10^8 with Adam, 3.5 * 10^8 with SGD.
 */
export function createOptimizer(
  choice: OptimizerChoice,
  ranges: readonly ParameterRange[],
  parameters: Float32Array,
  moments: readonly Float32Array[] = [],
): Optimizer {
  const vectors = new Vectors(parameters, momentCounts[choice.$case]);
  moments.forEach((moment, i) => vectors.moments[i].set(moment));
  const loop = loopsOn(vectors.memory)[choice.$case];
  const rule = choice.$case === 'adam' ? adamsNumbers(choice.value) : sgdsNumbers(choice.value);
  const { weightDecay } = choice.value;
  let penalties: ReadonlyMap<number, Penalty> = new Map();
  return {
    parameters: vectors.parameters,
    moments: vectors.moments,
    get penalties() {
      return penalties;
    },
    setPenalties(given) {
      const entries = [...given].map(([index, { rho, target }]) => {
        const own = vectors.target.subarray(ranges[index].from, ranges[index].to);
        own.set(target);
        return [index, { rho, target: own }] as const;
      });
      penalties = new Map(entries);
    },
    step(number, learningRate) {
      const numbers = rule(number, learningRate);
      return (gradient, start) => {
        for (const [index, { from, to, decayed, added }] of ranges.entries()) {
          const [first, last] = [Math.max(from, start), Math.min(to, start + gradient.length)];
          if (first >= last) continue;
          if (added) {
            for (let i = first; i < last; i++) vectors.parameters[i] += gradient[i - start];
            continue;
          }
          const constants = [penalties.get(index)?.rho ?? 0, decayed ? weightDecay : 0, ...numbers];
          vectors.update(loop, gradient.subarray(first - start, last - start), first, constants);
        }
      };
    },
  };
}

/** `Loop`'s constants of a step, behind the weight decay. */
type Numbers = (step: number, learningRate: number) => number[];

const adamsNumbers =
  ({ beta1, beta2, epsilon }: Adam): Numbers =>
  (step, learningRate) => {
    const rate = learningRate / (1 - beta1 ** step);
    const correction = 1 / Math.sqrt(1 - beta2 ** step);
    return [beta1, 1 - beta1, beta2, 1 - beta2, rate, correction, epsilon];
  };

const sgdsNumbers =
  ({ momentum }: Sgd): Numbers =>
  (_step, learningRate) => [momentum, learningRate];

/** Parameters that a loop goes through at a time: their gradient is copied to where the loop can reach it, and is in the cache when it does. */
const BLOCK = 1 << 14;
/** A loop moves so many together. */
const FOUR = 4;
const MEMORY_BYTES = 2 ** 32;

/** All vectors of an optimizer, in a memory that its loops can reach; what is never written to takes no room. */
class Vectors {
  readonly memory: WebAssembly.Memory;
  readonly parameters: Float32Array;
  readonly target: Float32Array;
  readonly moments: readonly Float32Array[];
  private readonly gradient: Float32Array;
  /** For the last parameters of a range, where they are fewer than a loop moves together: as many of each vector but the gradient. */
  private readonly rest: readonly Float32Array[];

  constructor(parameters: Float32Array, moments: number) {
    const { length } = parameters;
    const kept = 2 + moments;
    const bytes = 4 * (kept * (length + FOUR) + BLOCK);
    if (bytes > MEMORY_BYTES) {
      throw new Failure('input', `a model of ${length} parameters is too large for an optimizer of ${moments} moments`);
    }
    const pages = Math.ceil(bytes / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    let at = 0;
    const vectors = (count: number, length: number) =>
      Array.from({ length: count }, () => {
        at += 4 * length;
        return new Float32Array(this.memory.buffer, at - 4 * length, length);
      });
    // Those that begin at multiples of 16 bytes first.
    [this.gradient] = vectors(1, BLOCK);
    this.rest = vectors(kept, FOUR);
    [this.parameters, this.target, ...this.moments] = vectors(kept, length);
    this.parameters.set(parameters);
  }

  /** Moves the parameters from number `from` on, as many as `gradient` has elements. */
  update(loop: Loop, gradient: Float32Array, from: number, constants: readonly number[]): void {
    const inFours = gradient.length - (gradient.length % FOUR);
    for (let start = 0; start < inFours; start += BLOCK) {
      const block = gradient.subarray(start, Math.min(inFours, start + BLOCK));
      this.run(loop, block, this.kept, from + start, 4 * block.length, constants);
    }
    if (inFours === gradient.length) return;
    const left = gradient.subarray(inFours);
    const own = this.kept.map((vector) => vector.subarray(from + inFours, from + gradient.length));
    own.forEach((vector, i) => this.rest[i].set(vector));
    this.run(loop, left, this.rest, 0, 4 * FOUR, constants);
    own.forEach((vector, i) => vector.set(this.rest[i].subarray(0, left.length)));
  }

  private get kept(): readonly Float32Array[] {
    return [this.parameters, this.target, ...this.moments];
  }

  private run(
    loop: Loop,
    gradient: Float32Array,
    vectors: readonly Float32Array[],
    from: number,
    bytes: number,
    constants: readonly number[],
  ): void {
    this.gradient.set(gradient);
    const [parameters, ...others] = vectors.map(({ byteOffset }) => byteOffset + 4 * from);
    loop(parameters, this.gradient.byteOffset, ...others, bytes, ...constants);
  }
}

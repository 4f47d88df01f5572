import { Failure } from '@prunegrid/core/failure';
import { PAGE_BYTES } from '../webassembly/compile.js';
import { type Loop, type LoopName, loopsOn } from './loops.js';
import { type Adam, momentCounts, type OptimizerChoice } from './state.js';

/** The parameters from, ..., to - 1 of the vector. All of them are of one kind. */
export interface ParameterRange {
  from: number;
  to: number;
  /** Whether weight decay applies to these parameters. It applies to weights, but not to biases. */
  decayed: boolean;
  /** Whether the gradient is added to these parameters without an optimizer, as for running means. */
  added?: boolean;
}

/**
 * The penalty term of ADMM's W-subproblem, (rho/2) * ||W - Z + U||_F^2 (Zhang et al. 2018, eq. 8: the squared norm,
 * with the factor one half). Its gradient rho * (W - Z + U) is added to the gradient of the loss.
 */
export interface Penalty {
  rho: number;
  /**
   * Z - U for the parameters of a range. The coordinator sends the difference, because Z and U are constants of the
   * W-subproblem.
   */
  target: Float32Array;
}

/**
 * Updates a vector of parameters in place. The arithmetic uses the processor's double precision and rounds to float32
 * when it stores a value. Therefore every replica that receives the same gradients has the same bits, whatever engine
 * computed the gradients.
 */
export interface Optimizer {
  readonly parameters: Float32Array;
  /** The moments, each as long as the parameters: Adam's first and second moment, or SGD's velocity. */
  readonly moments: readonly Float32Array[];
  /** The penalties of the ranges; the key is the index of the range. */
  readonly penalties: ReadonlyMap<number, Penalty>;
  /** Replaces all penalties and copies their targets. */
  setPenalties(penalties: ReadonlyMap<number, Penalty>): void;
  /** Begins step `number`, counted from 1. The returned function must be applied to each parameter exactly once. */
  step(number: number, learningRate: number): Update;
}

/**
 * Updates as many parameters as `gradient` has elements, starting at parameter number `from`. Other parameters are not
 * read.
 */
export type Update = (gradient: Float32Array, from: number) => void;

/**
 * Creates an optimizer that holds its own copy of the parameters and moments.
 * @param ranges consecutive ranges that together cover all parameters
 * @param parameters the initial parameters, which are copied
 * @param moments the moments of an earlier optimizer that this one resumes, which are copied; zeros by default
 * @throws {Failure} if there are more parameters than the memory can hold: about 2.6 * 10^8 with Adam, 3.5 * 10^8 with
 *   SGD
 */
export function createOptimizer(
  choice: OptimizerChoice,
  ranges: readonly ParameterRange[],
  parameters: Float32Array,
  moments: readonly Float32Array[] = [],
): Optimizer {
  const vectors = new Vectors(parameters, momentCounts[choice.$case]);
  moments.forEach((moment, i) => vectors.moments[i].set(moment));
  const { name, constantsAt } = ruleOf(choice);
  const loop = loopsOn(vectors.memory)[name];
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
      const [weightDecay, ...others] = constantsAt(number, learningRate);
      return (gradient, start) => {
        for (const [index, { from, to, decayed, added }] of ranges.entries()) {
          const [first, last] = [Math.max(from, start), Math.min(to, start + gradient.length)];
          if (first >= last) continue;
          if (added) {
            for (let i = first; i < last; i++) vectors.parameters[i] += gradient[i - start];
            continue;
          }
          const constants = [penalties.get(index)?.rho ?? 0, decayed ? weightDecay : 0, ...others];
          vectors.update(loop, gradient.subarray(first - start, last - start), first, constants);
        }
      };
    },
  };
}

/** The loop of an optimizer, and its constants in a step, counted from 1, of which the first is the weight decay. */
export interface Rule {
  name: LoopName;
  constantsAt: (step: number, learningRate: number) => number[];
}

/** Returns the rule by which an optimizer updates parameters, also for engines that have its loop on a device. */
export function ruleOf(choice: OptimizerChoice): Rule {
  const { weightDecay } = choice.value;
  switch (choice.$case) {
    case 'adam':
      return { name: 'adam', constantsAt: (step, rate) => [weightDecay, ...adamsConstants(choice.value, step, rate)] };
    case 'adamw':
      return {
        name: 'adamw',
        constantsAt: (step, rate) => [rate * weightDecay, ...adamsConstants(choice.value, step, rate)],
      };
    case 'sgd': {
      const { momentum, nesterov = false } = choice.value;
      return { name: nesterov ? 'nesterov' : 'sgd', constantsAt: (_step, rate) => [weightDecay, momentum, rate] };
    }
  }
}

function adamsConstants({ beta1, beta2, epsilon }: Adam, step: number, learningRate: number): number[] {
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  return [beta1, 1 - beta1, beta2, 1 - beta2, rate, correction, epsilon];
}

/**
 * The number of parameters that a loop updates per call. Their gradient is copied to the loop's memory and is still in
 * the processor's cache when the loop reads it.
 */
const BLOCK = 1 << 14;
/**
 * Each vector begins at a multiple of so many bytes. TensorFlow then reads the parameters where they are; it copies what
 * begins elsewhere.
 */
const ALIGNMENT = 64;
/** The number of parameters that a loop updates together. */
const FOUR = 4;
const MEMORY_BYTES = 2 ** 32;

/**
 * All vectors of an optimizer, in a WebAssembly memory that its loops can read and write. Pages that are never written
 * to take no physical memory.
 */
class Vectors {
  readonly memory: WebAssembly.Memory;
  readonly parameters: Float32Array;
  readonly target: Float32Array;
  readonly moments: readonly Float32Array[];
  private readonly gradient: Float32Array;
  /**
   * Room for the last parameters of a range if they are fewer than a loop updates together: as many elements for each
   * vector except the gradient.
   */
  private readonly rest: readonly Float32Array[];

  constructor(parameters: Float32Array, moments: number) {
    const { length } = parameters;
    const kept = 2 + moments;
    const aligned = (bytes: number) => ALIGNMENT * Math.ceil(bytes / ALIGNMENT);
    const bytes = kept * (aligned(4 * length) + ALIGNMENT) + 4 * BLOCK;
    if (bytes > MEMORY_BYTES) {
      throw new Failure('input', `a model of ${length} parameters is too large for an optimizer of ${moments} moments`);
    }
    const pages = Math.ceil(bytes / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    let at = 0;
    const vectors = (count: number, length: number) =>
      Array.from({ length: count }, () => {
        const start = at;
        at = aligned(at + 4 * length);
        return new Float32Array(this.memory.buffer, start, length);
      });
    [this.gradient] = vectors(1, BLOCK);
    this.rest = vectors(kept, FOUR);
    [this.parameters, this.target, ...this.moments] = vectors(kept, length);
    this.parameters.set(parameters);
  }

  /** Updates as many parameters as `gradient` has elements, starting at parameter number `from`. */
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

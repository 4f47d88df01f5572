import type { Clock } from '@prunegrid/core/runtime';
import type { OptimizerChoice, OptimizerState } from '@prunegrid/numerics/optimizers';

import type { BatchPlan, Dataset } from '../datasets/index.js';
import type { Model } from '../models/index.js';

/** An engine that specs may name as `engine`, not loaded yet. */
export interface EngineSource {
  readonly name: string;
  /** Installs what the engine needs, unless it is there. `report` is called with lines for the user. Throws Failure. */
  provision(report: (line: string) => void): Promise<void>;
  /** Loads the engine into this process; to be called once. Throws Failure if that is not possible. */
  load(options: EngineOptions): Promise<Engine>;
}

export interface EngineOptions {
  /** Threads to compute with. Another number may give other bits. */
  threads: number;
  clock: Clock;
}

/** What an engine says of itself. */
export interface EngineDescription {
  /** Such as `libtensorflow`. */
  readonly name: string;
  readonly version: string;
  /** CPU or GPU, and which. */
  readonly device: string;
  /** Memory that the engine may use, in bytes. */
  readonly memoryBytes: number;
}

/** Trains and evaluates models on a device. */
export interface Engine extends EngineDescription {
  /** Begins or resumes a phase. Throws Failure if the model does not fit the data set or the device. */
  openReplica(start: ReplicaStart): Promise<Replica>;
  /** Puts fixed weights, a host vector [model.size], on the device. Throws Failure as `openReplica` does. */
  openEvaluator(model: Model, dataset: Dataset, weights: Float32Array): Promise<Evaluator>;
}

/** What remains the same through a phase. */
export interface PhaseSettings extends BatchPlan {
  optimizer: OptimizerChoice;
  /** Whether each micro-batch's gradient is rounded to bfloat16, with error feedback. */
  bfloat16: boolean;
}

export interface ReplicaStart {
  model: Model;
  dataset: Dataset;
  phase: PhaseSettings;
  /** W to begin with, [model.size]; it is the replica's from now on. */
  weights: Float32Array;
  /** If the phase is masked: ascending positions in `weights`, the only ones that are trained. All others stay as they are. */
  survivors?: Uint32Array | undefined;
  /** The optimizer's, if the phase is resumed. */
  state?: OptimizerState | undefined;
}

/** rho of a layer that ADMM pulls towards its projection. */
export interface LayerPenalty {
  layer: string;
  rho: number;
}

/** Blocks of a part of the data set. */
export interface EvaluationRequest {
  part: 'validation' | 'test';
  /** Examples in a block; the part's last block may have fewer. */
  blockSize: number;
  firstBlock: number;
  blocks: number;
}

export interface Evaluation {
  /** Summed cross-entropy of each block, in nats. */
  losses: number[];
  /** Correct answers, over all blocks. */
  correct: number;
}

/** W on the engine's device, to be evaluated. */
export interface Evaluator {
  evaluate(request: EvaluationRequest): Promise<Evaluation>;
  /** Releases the device's memory. Nothing else may be called afterwards. */
  close(): void;
}

/** Nodes of the fixed summation tree (see `TreeSum`), ascending, each with the sum of what lies below it. */
export type PartialSums = readonly (readonly [node: number, vector: Float32Array])[];

export interface RunOptions {
  /** Each step goes along this micro-batch's gradient alone, instead of the global batch's: for local SGD. */
  microBatch?: number;
  /** When it aborts, the call rejects with its reason after the step under way; the replica can only be closed then. */
  signal?: AbortSignal;
}

/**
 * One trainer's copy of W and of the optimizer within a phase, on the engine's device: it holds W, the moments, the survivors
 * and the penalty's target. All it computes is a function of the phase, the step and the micro-batch, so the replicas of all
 * trainers agree bit for bit.
 *
 * A step with other trainers is `computeGradients`, then, with the sum of everybody's, `beginUpdate`, `applyUpdate` for each
 * piece of `target` that no other trainer updates, and `commit`. Without others, `runSteps` runs many steps in one call.
 */
export interface Replica extends Evaluator {
  /**
   * The trained parameters on the host: all of W, or the survivors. Its values are those of the device only from
   * `beginUpdate` to `commit`: `applyUpdate` writes to it, and so do others that own pieces of it.
   */
  readonly target: Float32Array;
  /** Sets rho * (W - Z + U) as part of the gradient. `target` holds Z - U of the layers in `layers`, one after another, untrained weights too. */
  setPenalty(layers: readonly LayerPenalty[], target: Float32Array): Promise<void>;
  /** Prepares micro-batches ahead of time. */
  prepare(step: number, microBatches: readonly number[]): void;
  /**
   * Runs consecutive steps, one for each learning rate, without others. Returns the mean cross-entropy in nats and the number
   * of correct answers of each step, [2 * steps]. Throws Failure if a loss is not finite.
   */
  runSteps(firstStep: number, learningRates: readonly number[], options?: RunOptions): Promise<Float32Array>;
  /**
   * Computes these micro-batches' gradients, added up as far as they are neighbours in the summation tree. Each vector,
   * [target.length + 2], ends with the loss and the number of correct answers. A micro-batch's gradient and loss are scaled
   * to its share of the global batch.
   */
  computeGradients(step: number, microBatches: readonly number[]): Promise<PartialSums>;
  /** Begins an optimizer step. Throws Failure if `loss`, the global batch's, is not finite, before anything is changed. */
  beginUpdate(step: number, loss: number, learningRate: number): Promise<void>;
  /** Updates `target` from element `from` on along `sum`, the global batch's gradient, and the penalty's; `sum` may be overwritten. */
  applyUpdate(from: number, sum: Float32Array): void | Promise<void>;
  /** Ends an optimizer step: W becomes what `target` holds. */
  commit(): Promise<void>;
  /** Throws Failure, with where it began, unless the step's loss is finite. */
  requireFinite(step: number, loss: number): Promise<void>;
  /** Opens an independent replica in the same state. */
  fork(): Promise<Replica>;
  /** Reads all that a step changes: the trained parameters, then each of the moments, in a new array. */
  readState(): Promise<Float32Array>;
  /** Replaces what `readState` reads; `steps` more steps have led to it. */
  setState(state: Float32Array, steps: number): Promise<void>;
  /** Reads W, [model.size]. The array must not be changed, and is valid until the next step. */
  readWeights(): Promise<Float32Array>;
  /** Reads the elements from, ..., to - 1 of each of the optimizer's moments. The arrays are valid until the next step. */
  readMoments(from: number, to: number): Promise<readonly Float32Array[]>;
  /** Reads what rounding to bfloat16 has left out of a micro-batch's gradients so far, [target.length]. */
  readResidual(microBatch: number): Promise<Float32Array>;
  /** Computes SHA-256 of W's bytes, in hex. Throws Failure, which names `step`, if W is not finite. */
  hashWeights(step: number): Promise<string>;
}

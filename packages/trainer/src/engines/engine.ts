import type { Clock } from '@prunegrid/core/runtime';
import type { OptimizerChoice, OptimizerState } from '@prunegrid/numerics/optimizers';

import type { BatchPlan, Dataset } from '../datasets/index.js';
import type { Model } from '../models/index.js';

/** An engine that experiment specs can name in the field `engine`. It is not loaded yet. */
export interface EngineSource {
  readonly name: string;
  /**
   * Installs the libraries that the engine needs, unless they are installed already. It calls `report` with each line
   * that the user should see. Throws Failure if the installation fails.
   */
  provision(report: (line: string) => void): Promise<void>;
  /**
   * What can be installed for the engine and removed again. An engine without any needs nothing that prunegrid installs.
   * @param cacheDir prunegrid's cache folder
   */
  parts?(cacheDir: string): readonly EnginePart[];
  /** Loads the engine into this process. It may be called only once. Throws Failure if the engine cannot be loaded. */
  load(options: EngineOptions): Promise<Engine>;
}

/** A library or a plugin in the cache folder. Several processes may call its functions at the same time. */
export interface EnginePart {
  /** The name among the engine's parts. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** The folder that holds it once it is installed. */
  readonly folder: string;
  /** What is downloaded to install it, in bytes. */
  readonly downloadBytes: number;
  /** What it takes once it is installed, in bytes. */
  readonly installedBytes: number;
  /** Returns whether it is installed, and the bytes that it takes now, of an unfinished installation as well. */
  state(): Promise<{ installed: boolean; bytes: number }>;
  /** Whether it is what this machine needs, if the user names no part. */
  fits(): Promise<boolean>;
  /**
   * Installs it unless that has been done, and goes on where an earlier installation was interrupted. Throws Failure.
   * @param report called with each line for the user, and again with the share that is done, from 0 to 1
   */
  install(report: (line: string, fraction?: number) => void, signal?: AbortSignal): Promise<void>;
  /** Removes it. Throws Failure if a process of this machine has loaded it; then nothing is removed. */
  remove(): Promise<void>;
}

/** The precision of products: float32, or TF32 with 10 bits of fraction on devices that have it. Sums are in float32. */
export type Precision = 'float32' | 'tf32';

export interface EngineOptions {
  /** The number of threads that compute. Results may differ in their last bits between different numbers of threads. */
  threads: number;
  /** How exactly an engine multiplies float32 numbers that offers a choice, `float32` by default. */
  precision?: Precision | undefined;
  clock: Clock;
}

/** Describes an engine and its device, for reports to the user. */
export interface EngineDescription {
  /** The name of the library that computes, such as `libtensorflow`. */
  readonly name: string;
  readonly version: string;
  /** Says whether the device is a CPU or a GPU, and names its model. */
  readonly device: string;
  /** The memory that the engine may use, in bytes. */
  readonly memoryBytes: number;
}

/** Trains and evaluates models on a device. */
export interface Engine extends EngineDescription {
  /**
   * Opens a replica that begins or resumes a phase. Throws Failure if the model does not fit the data set or the
   * device.
   */
  openReplica(start: ReplicaStart): Promise<Replica>;
  /**
   * Copies fixed weights, a vector [model.size] on the host, to the device. Throws Failure if the model does not fit
   * the data set or the device.
   */
  openEvaluator(model: Model, dataset: Dataset, weights: Float32Array): Promise<Evaluator>;
}

/** The settings that do not change during a phase. */
export interface PhaseSettings extends BatchPlan {
  optimizer: OptimizerChoice;
  /** Whether each micro-batch's gradient is rounded to bfloat16, with error feedback. */
  bfloat16: boolean;
  /**
   * The share of each target that training spreads evenly over all classes, the right one included (PyTorch's
   * `label_smoothing`), 0 by default. Evaluation does without.
   */
  labelSmoothing?: number | undefined;
  /**
   * The largest L2 norm of the gradient over all trained parameters; a larger gradient is scaled down to it
   * (`clipByGlobalNorm`). It is that of the loss of the global batch, or of the micro-batch that a step uses alone,
   * without the penalty and weight decay, which are added afterwards. By default, gradients are not clipped.
   */
  gradientClipping?: number | undefined;
}

export interface ReplicaStart {
  model: Model;
  dataset: Dataset;
  phase: PhaseSettings;
  /** The initial W, [model.size]. The replica owns this array from now on, so the caller must not use it any more. */
  weights: Float32Array;
  /**
   * If the phase is masked, the ascending positions in `weights` of the parameters that are trained. All other
   * parameters keep their values.
   */
  survivors?: Uint32Array | undefined;
  /** The state of the optimizer, if the phase is resumed. */
  state?: OptimizerState | undefined;
}

/** The penalty factor rho of a layer whose weights ADMM pulls towards their projection. */
export interface LayerPenalty {
  layer: string;
  rho: number;
}

/** A range of blocks of one part of the data set. */
export interface EvaluationRequest {
  part: 'validation' | 'test';
  /** The number of examples in a block. The last block of the part may have fewer. */
  blockSize: number;
  firstBlock: number;
  blocks: number;
}

export interface Evaluation {
  /** The cross-entropy of each block, summed over its examples, in nats. */
  losses: number[];
  /** The number of correct answers in all blocks together. */
  correct: number;
  /**
   * The number of examples in all blocks together whose class is among the five with the highest logits. It is
   * undefined if there are at most five classes.
   */
  top5?: number;
  /** The sums over each block's examples of the model's metrics, one block after another; undefined if it has none. */
  metrics?: number[];
}

/** Holds W on the engine's device and evaluates it. */
export interface Evaluator {
  evaluate(request: EvaluationRequest): Promise<Evaluation>;
  /** Releases the device's memory. Nothing else may be called afterwards. */
  close(): void;
}

/** Nodes of the fixed summation tree (see `TreeSum`) in ascending order, each with the sum of the leaves below it. */
export type PartialSums = readonly (readonly [node: number, vector: Float32Array])[];

export interface RunOptions {
  /**
   * If it is set, each step uses the gradient of this micro-batch alone instead of that of the global batch, as local
   * SGD requires.
   */
  microBatch?: number;
  /**
   * When the signal aborts, the call finishes the current step and then rejects with the signal's reason. After that,
   * only `close` may be called on the replica.
   */
  signal?: AbortSignal;
}

/**
 * One trainer's copy of W and of the optimizer's state during a phase. The engine's device holds W, the moments, the
 * survivors and the target of the penalty. All results are functions of the phase, the step and the micro-batch only,
 * so the replicas of all trainers agree bit for bit.
 *
 * A step with other trainers calls `computeGradients`, then `beginUpdate` with the loss summed over all trainers, then
 * `applyUpdate` for each piece of `target` that no other trainer updates, and finally `commit`. Without other trainers,
 * `runSteps` runs many steps in one call.
 */
export interface Replica extends Evaluator {
  /**
   * The trained parameters on the host: all of W, or only the survivors if the phase is masked. They equal the values
   * on the device only between `beginUpdate` and `commit`, when `applyUpdate` writes to this array, and so do the other
   * trainers' updates of the pieces that they own.
   */
  readonly target: Float32Array;
  /**
   * Adds rho * (W - Z + U) to the gradient from now on. `target` holds Z - U of the layers in `layers`, one after
   * another, including the weights that are not trained.
   */
  setPenalty(layers: readonly LayerPenalty[], target: Float32Array): Promise<void>;
  /** Starts to prepare these micro-batches of a step, so that the step need not wait for its data. */
  prepare(step: number, microBatches: readonly number[]): void;
  /**
   * Runs consecutive steps without other trainers, one for each learning rate. Returns the mean cross-entropy in nats
   * and the number of correct answers of each step, [2 * steps]. Throws Failure if a loss is not finite.
   */
  runSteps(firstStep: number, learningRates: readonly number[], options?: RunOptions): Promise<Float32Array>;
  /**
   * Computes the gradients of these micro-batches, and adds up those that are neighbours in the summation tree. Each
   * vector, [target.length + 2], ends with the loss and the number of correct answers. The gradient and the loss of a
   * micro-batch are scaled to its share of the global batch. The vectors are valid until the next call.
   */
  computeGradients(step: number, microBatches: readonly number[]): Promise<PartialSums>;
  /**
   * Begins an optimizer step. Throws Failure, before anything is changed, if `loss`, the loss of the global batch, is
   * not finite.
   */
  beginUpdate(step: number, loss: number, learningRate: number): Promise<void>;
  /**
   * Updates the elements of `target` that start at index `from`, by the gradient of the global batch in `sum` and that
   * of the penalty. `sum` may be overwritten. If the phase clips gradients, `sum` must be the whole gradient.
   */
  applyUpdate(from: number, sum: Float32Array): void | Promise<void>;
  /** Ends an optimizer step: copies `target` to W on the device. */
  commit(): Promise<void>;
  /**
   * Throws Failure unless the loss of the step is finite. The message names the tensor that is not finite, or else the
   * one with the largest value.
   */
  requireFinite(step: number, loss: number): Promise<void>;
  /** Opens an independent replica that starts in the same state. */
  fork(): Promise<Replica>;
  /** Returns everything that a step changes, in a new array: the trained parameters, then each of the moments. */
  readState(): Promise<Float32Array>;
  /** Replaces the values that `readState` reads, and adds `steps` to the number of steps that have been made. */
  setState(state: Float32Array, steps: number): Promise<void>;
  /** Returns W, [model.size]. The caller must not change the array, which is valid until the next step. */
  readWeights(): Promise<Float32Array>;
  /**
   * Returns the elements `from` to `to - 1` of each of the optimizer's moments. The arrays are valid until the next
   * step.
   */
  readMoments(from: number, to: number): Promise<readonly Float32Array[]>;
  /** Returns the accumulated rounding error of a micro-batch's bfloat16 gradients, [target.length]. */
  readResidual(microBatch: number): Promise<Float32Array>;
  /** Returns the SHA-256 of the bytes of W, in hexadecimal. Throws Failure, which names `step`, if W is not finite. */
  hashWeights(step: number): Promise<string>;
}

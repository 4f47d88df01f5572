import type { Batch } from '../datasets/index.js';
import type { Model } from '../models/index.js';

export interface BatchScore {
  /** Summed cross-entropy in nats. */
  loss: number;
  correct: number;
}

/** Runs a model forward and backward on some device. Parameters are host vectors [model.size]; everything is synchronous. */
export interface Engine {
  /** Such as `libtensorflow`. */
  readonly name: string;
  readonly version: string;
  /** CPU or GPU, and which. */
  readonly device: string;
  /** Memory that the engine may use, in bytes. */
  readonly memoryBytes: number;
  /**
   * Returns [model.size + 2]: the gradient of the batch's mean cross-entropy times `scale`, then that mean times `scale`, then the
   * number of correct answers. `dropout` is [batch, model.dropoutUnits], as for Model.forward.
   */
  gradient(model: Model, parameters: Float32Array, batch: Batch, scale: number, dropout?: Float32Array): Float32Array;
  score(model: Model, parameters: Float32Array, batch: Batch): BatchScore;
}

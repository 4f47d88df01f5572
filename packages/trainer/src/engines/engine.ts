import type { Batch } from '../datasets/index.js';
import type { Model } from '../models/index.js';

export interface BatchScore {
  /** Summed cross-entropy in nats. */
  loss: number;
  correct: number;
}

/** Runs models forward and backward on some device; everything is synchronous. */
export interface Engine {
  /** Such as `libtensorflow`. */
  readonly name: string;
  readonly version: string;
  /** CPU or GPU, and which. */
  readonly device: string;
  /** Memory that the engine may use, in bytes. */
  readonly memoryBytes: number;
  /** A model with parameters of its own; to be closed when it is done with. */
  open(model: Model): Network;
}

/** A model on the engine's device, with the parameters that it was given last. */
export interface Network {
  /** Copies W, a host vector [model.size], to the device: what follows is computed with it. */
  setParameters(parameters: Float32Array): void;
  /**
   * [model.size + 2]: the gradient of the batch's mean cross-entropy times `scale`, then that mean times `scale`, then the number of correct answers. `dropout` is
   * [batch, model.dropoutUnits], as for Model.forward.
   */
  gradient(batch: Batch, scale: number, dropout?: Float32Array): DeviceVector;
  score(batch: Batch): BatchScore;
  close(): void;
}

/** A vector of float32 on the device. Each is to be taken or added up once, and is gone afterwards. */
export interface DeviceVector {
  /** The sum of both, which are gone afterwards. */
  plus(other: DeviceVector): DeviceVector;
  /** The values, in a new array. */
  read(): Float32Array;
}

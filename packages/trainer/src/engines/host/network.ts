import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { EngineDescription } from '../engine.js';

export interface BatchScore {
  /** Summed cross-entropy in nats. */
  loss: number;
  /** Number of correct answers. */
  correct: number;
}

/** Computes gradients synchronously, in the memory of this process: all that an engine of the host has to bring along. */
export interface NetworkProvider extends EngineDescription {
  /** Opens a model with parameters of its own; the caller closes it. */
  open(model: Model): Network;
}

/** A model with the parameters that it was given last. */
export interface Network {
  /** Sets W, [model.size]. It must not change until it is set again. */
  setParameters(parameters: Float32Array): void;
  /**
   * Computes [model.size + 2]: the gradient of the batch's mean cross-entropy times `scale`, of a state its change times
   * `scale`; then that mean times `scale`, then the number of correct answers. `dropout` holds factors [batch, units] for
   * each of the model's dropouts.
   */
  gradient(batch: Batch, scale: number, dropout?: readonly Float32Array[]): DeviceVector;
  score(batch: Batch): BatchScore;
  close(): void;
}

/** A vector of float32 in the provider's memory. Each is to be read or added once, and is gone afterwards. */
export interface DeviceVector {
  /** The sum of both, which are gone afterwards. */
  plus(other: DeviceVector): DeviceVector;
  /** The values, in a new array. */
  read(): Float32Array;
}

import type { Batch } from '../../datasets/index.js';
import type { Model } from '../../models/index.js';
import type { EngineDescription } from '../engine.js';

export interface BatchScore {
  /** The cross-entropy summed over the examples, in nats. */
  loss: number;
  /** The number of correct answers. */
  correct: number;
  /**
   * The number of examples whose class is among the five with the highest logits. It is undefined if there are at most
   * five classes.
   */
  top5?: number;
  /** The sum over the examples of each of the model's metrics; undefined if it has none. */
  metrics?: number[];
}

/** Computes gradients. An engine whose optimizer runs on the host needs nothing else from its library. */
export interface NetworkProvider extends EngineDescription {
  /** Whether it computes the model's own objective. Otherwise it trains classifiers with cross-entropy only. */
  readonly computesObjectives?: boolean;
  /** Opens a model with its own parameters. The caller must close it. */
  open(model: Model): Network;
}

/** A model together with its current parameters. */
export interface Network {
  /**
   * Sets W, [model.size]. The array must not change until the next call, because it is not copied. It may change after
   * that, once the results of all computations that have begun are there.
   */
  setParameters(parameters: Float32Array): void;
  /**
   * Computes a vector [model.size + 2]: the gradient of the batch's mean cross-entropy times `scale`, or for a state
   * its change times `scale`; then the mean cross-entropy in nats times `scale`; then the number of correct answers.
   * `dropout` holds the factors [batch, units] of each of the model's dropouts. `labelSmoothing`, 0 by default, is the
   * share of each target that is spread evenly over all classes, the right one included.
   */
  gradient(batch: Batch, scale: number, dropout?: readonly Float32Array[], labelSmoothing?: number): DeviceVector;
  score(batch: Batch): BatchScore | Promise<BatchScore>;
  /**
   * Says that an array that `read` of a gradient has returned is not used any more, so that a large one can be freed now. Absent if
   * that can be left to the garbage collector.
   */
  discard?(values: Float32Array): void;
  close(): void;
}

/** A float32 vector in the provider's memory. `plus` and `read` free it, so it can be used only once. */
export interface DeviceVector {
  /** Returns the sum of both vectors, and frees them. */
  plus(other: DeviceVector): DeviceVector;
  /** Returns the values, or a promise of them from an engine on a device of its own, and frees the vector. */
  read(): Float32Array | Promise<Float32Array>;
}

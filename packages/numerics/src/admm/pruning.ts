import { denseForm } from '../constraints/constraint.js';
import type { Project } from './state.js';

/** A layer after hard pruning. Masked retraining starts from these weights and keeps this support. */
export interface PrunedLayer {
  /** The projected weights, in a new array. They are +0 outside the support. */
  weights: Float32Array;
  /** Positions that may be non-zero, ascending. */
  support: Uint32Array;
  /**
   * Positions that masked retraining may change, ascending. For most constraints this is the same array as `support`.
   */
  trainable: Uint32Array;
}

/**
 * Hard pruning after the last ADMM iteration: W itself, not W + U, is projected.
 *
 * @param project onto the layer's constraint
 * @throws {RangeError} The constraint does not fit the layer.
 * @throws {NonFiniteError} W holds NaN or an infinity.
 */
export function hardPrune(W: Float32Array, project: Project): PrunedLayer {
  const projection = project(W);
  const { support, trainable = support } = projection;
  return { weights: denseForm(W, projection), support, trainable };
}

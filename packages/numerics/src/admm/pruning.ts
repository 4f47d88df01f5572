import { project } from './projection.js';

/** 1 at the positions of `support`, 0 at the others of the tensor's `length`. */
export function maskOf(support: Uint32Array, length: number): Uint8Array {
  const mask = new Uint8Array(length);
  for (const position of support) mask[position] = 1;
  return mask;
}

/** A layer after hard pruning: what masked retraining starts from and holds on to. */
export interface PrunedLayer {
  /** A new array: W inside the support, +0 outside. */
  weights: Float32Array;
  /** Kept positions, ascending. */
  support: Uint32Array;
}

/**
 * Hard pruning after the last ADMM iteration: W itself, not W + U, is projected.
 *
 * @throws {RangeError} `keep` is not a count of the layer's weights.
 * @throws {NonFiniteError} W holds NaN or an infinity.
 */
export function hardPrune(W: Float32Array, keep: number): PrunedLayer {
  const { projected, support } = project(W, keep);
  return { weights: projected, support };
}

import { project } from './projection.js';

/**
 * ADMM's variables of one layer between two iterations, tensors flattened.
 *
 * `iterate` never changes a state, it returns a new one. The price is one more Z and U while a layer is iterated (302 MB for
 * AlexNet's fc1 of 37,748,736 weights); whoever is done with the old state saves them by `iterateInPlace`.
 */
export interface LayerState {
  /** Sparse copy of the weights: zero outside `support`. */
  readonly Z: Float32Array;
  /** Scaled dual variable, in units of the weights; rho * U is the unscaled one. */
  readonly U: Float32Array;
  readonly rho: number;
  /** Kept positions, ascending; `keep` of them. */
  readonly support: Uint32Array;
  /** l_i, the number of weights that the layer may keep. */
  readonly keep: number;
}

/**
 * Z^0 = projection of W, U^0 = 0. Z^0 shares no memory with W: otherwise W - Z would stay zero while W is trained.
 *
 * @throws {RangeError} `keep` is not a count of the layer's weights, or `rho` is not a positive number.
 * @throws {NonFiniteError} W holds NaN or an infinity.
 */
export function initialise(W: Float32Array, keep: number, rho: number): LayerState {
  requirePositive(rho);
  const { projected: Z, support } = project(W, keep);
  return { Z, U: new Float32Array(W.length), rho, support, keep };
}

/** Z - U, what the W-subproblem pulls the weights to: its penalty is (rho/2) * ||W - (Z - U)||_F^2. A new array. */
export function target({ Z, U }: Pick<LayerState, 'Z' | 'U'>): Float32Array {
  const difference = new Float32Array(Z.length);
  for (let i = 0; i < difference.length; i++) difference[i] = Z[i] - U[i];
  return difference;
}

/** @throws {RangeError} `rho` is not a positive, finite number. */
export function requirePositive(rho: number): void {
  if (!(rho > 0 && rho < Infinity)) throw new RangeError(`rho must be a positive number, not ${rho}`);
}

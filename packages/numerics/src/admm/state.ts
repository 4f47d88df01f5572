import { denseForm, type Projection } from '../constraints/constraint.js';

/** The projection of a layer's flattened tensor onto the layer's constraint. */
export type Project = (values: Float32Array) => Projection;

/**
 * The ADMM variables of one layer between two iterations. Tensors are flattened.
 *
 * `iterate` never changes a state; it returns a new one. It therefore needs a second Z and U while it runs (302 MB for
 * AlexNet's fc1 of 37,748,736 weights). A caller that no longer needs the old state avoids this with `iterateInPlace`.
 */
export interface LayerState {
  /** The sparse copy of the weights: zero outside `support`. */
  readonly Z: Float32Array;
  /** The scaled dual variable, in units of the weights. The unscaled dual variable is rho * U. */
  readonly U: Float32Array;
  readonly rho: number;
  /** Positions where Z may be non-zero, ascending. */
  readonly support: Uint32Array;
}

/**
 * The state before the first iteration: Z^0 = projection of W, U^0 = 0. Z^0 shares no memory with W: otherwise W - Z
 * would stay zero while W is trained.
 *
 * @param project onto the layer's constraint
 * @throws {RangeError} `rho` is not a positive number, or the constraint does not fit the layer.
 * @throws {NonFiniteError} W holds NaN or an infinity.
 */
export function initialise(W: Float32Array, project: Project, rho: number): LayerState {
  requirePositive(rho);
  const projection = project(W);
  return { Z: denseForm(W, projection), U: new Float32Array(W.length), rho, support: projection.support };
}

/** Returns Z - U in a new array. The penalty of the W-subproblem is (rho/2) * ||W - (Z - U)||_F^2. */
export function target({ Z, U }: Pick<LayerState, 'Z' | 'U'>): Float32Array {
  const difference = new Float32Array(Z.length);
  for (let i = 0; i < difference.length; i++) difference[i] = Z[i] - U[i];
  return difference;
}

/** @throws {RangeError} if `rho` is not a positive, finite number */
export function requirePositive(rho: number): void {
  if (!(rho > 0 && rho < Infinity)) throw new RangeError(`rho must be a positive number, not ${rho}`);
}

import { denseForm, type Projection } from '../constraints/constraint.js';

/** The projection of a layer's tensor, flattened, onto the constraint that the layer is held to. */
export type Project = (values: Float32Array) => Projection;

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
  /** Positions where Z may be non-zero, ascending. */
  readonly support: Uint32Array;
}

/**
 * The state before the first iteration: Z^0 = projection of W, U^0 = 0. Z^0 shares no memory with W: otherwise W - Z would
 * stay zero while W is trained.
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

/** Z - U, in a new array: what the W-subproblem pulls the weights to. Its penalty is (rho/2) * ||W - (Z - U)||_F^2. */
export function target({ Z, U }: Pick<LayerState, 'Z' | 'U'>): Float32Array {
  const difference = new Float32Array(Z.length);
  for (let i = 0; i < difference.length; i++) difference[i] = Z[i] - U[i];
  return difference;
}

/** @throws {RangeError} `rho` is not a positive, finite number. */
export function requirePositive(rho: number): void {
  if (!(rho > 0 && rho < Infinity)) throw new RangeError(`rho must be a positive number, not ${rho}`);
}

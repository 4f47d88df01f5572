import { distance, norm } from './norms.js';
import { type LayerState, type Project, requirePositive } from './state.js';

/**
 * The residuals of a layer after an iteration, which measure the distance to W = Z. Norms are Euclidean norms over the
 * layer's weights.
 */
export interface Residuals {
  /** The penalty parameter rho of this iteration. */
  rho: number;
  /** The primal residual ||W - Z||. */
  primal: number;
  /** The dual residual rho * ||Z^(k+1) - Z^k||. */
  dual: number;
  /** ||W||, relative to which the primal residual is judged. */
  weightNorm: number;
  /** The share of the kept positions that the previous iteration did not keep, from 0 to 1. */
  supportChange: number;
}

/** The result of an iteration. */
export interface Iterated {
  state: LayerState;
  residuals: Residuals;
}

/**
 * The rest of ADMM iteration k for one layer, after its W-subproblem (Zhang et al. 2018):
 *
 *     Z^(k+1) = projection of W^(k+1) + U^k onto the layer's constraint
 *     U^(k+1) = U^k + W^(k+1) - Z^(k+1)
 *
 * and, for a next iteration with another rho, U^(k+1) scaled by rho/nextRho, which leaves the unscaled dual variable
 * rho * U as it is (Boyd et al. 2011, section 3.4.1).
 *
 * @param W the weights that the W-subproblem ended with, W^(k+1); they stay as they are
 * @param project onto the layer's constraint
 * @throws {RangeError} W has another length than Z, or `nextRho` is not a positive number.
 * @throws {NonFiniteError} W + U holds NaN or an infinity.
 */
export function iterate(state: LayerState, W: Float32Array, project: Project, nextRho: number = state.rho): Iterated {
  return iterateInPlace({ ...state, Z: state.Z.slice(), U: state.U.slice() }, W, project, nextRho);
}

/**
 * Does the same as `iterate`, but overwrites Z and U of the given state, which must not be used afterwards, even if
 * this throws NonFiniteError. In addition to W, Z, U and the two supports, it needs only the memory of the projection;
 * `iterate` needs a second Z and U.
 */
export function iterateInPlace(
  state: LayerState,
  W: Float32Array,
  project: Project,
  nextRho: number = state.rho,
): Iterated {
  const { Z, U, rho } = state;
  requirePositive(nextRho);
  if (W.length !== Z.length) throw new RangeError(`${W.length} weights for a state of ${Z.length}`);

  for (let i = 0; i < U.length; i++) U[i] += W[i];
  const { support, values } = project(U);
  const scale = rho / nextRho;
  // ||Z^(k+1) - Z^k||^2, summed while the old Z is overwritten.
  let movedSquared = 0;
  for (let i = 0, kept = 0; i < U.length; i++) {
    let z = 0;
    if (kept < support.length && support[kept] === i) {
      z = values ? values[kept] : U[i];
      kept += 1;
    }
    movedSquared += (z - Z[i]) * (z - Z[i]);
    Z[i] = z;
    U[i] = (U[i] - z) * scale;
  }
  return {
    state: { Z, U, rho: nextRho, support },
    residuals: {
      rho,
      primal: distance(W, Z),
      dual: rho * Math.sqrt(movedSquared),
      weightNorm: norm(W),
      supportChange: supportChange(state.support, support),
    },
  };
}

/**
 * Returns the share of the positions in `after` that are not in `before`, from 0 to 1. Both arrays ascend. The share is
 * 0 if `after` is empty.
 */
function supportChange(before: Uint32Array, after: Uint32Array): number {
  let added = 0;
  let b = 0;
  for (const position of after) {
    while (b < before.length && before[b] < position) b += 1;
    if (b === before.length || before[b] !== position) added += 1;
  }
  return after.length === 0 ? 0 : added / after.length;
}

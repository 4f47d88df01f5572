/**
 * The ADMM penalty of one weight tensor, (rho/2) * ||W - Z + U||_F^2 (Zhang et al. 2018, eq. 8: squared norm, with the one half).
 *
 * `target` is Z - U: the coordinator sends the difference, since Z and U are constants of the W-subproblem.
 */
export function penalty(weights: Float32Array, target: Float32Array, rho: number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    const difference = weights[i] - target[i];
    sum += difference * difference;
  }
  return 0.5 * rho * sum;
}

/** Adds the penalty's gradient, rho * (W - Z + U), to `gradient`. All three arrays have the tensor's length. */
export function addPenaltyGradient(
  gradient: Float32Array,
  weights: Float32Array,
  target: Float32Array,
  rho: number,
): void {
  for (let i = 0; i < gradient.length; i++) gradient[i] += rho * (weights[i] - target[i]);
}

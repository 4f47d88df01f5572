/** Returns the magnitude of each weight, in a new array. */
export const magnitudes = (weights: Float32Array): Float32Array => weights.map(Math.abs);

/**
 * Returns layer-adaptive magnitudes (Lee et al., "Layer-Adaptive Sparsity for the Magnitude-based Pruning", ICLR 2021,
 * equation 4). The score of a weight is its square divided by the sum of the squares of all weights of the layer that
 * are at least as large in magnitude. The scores are in ascending order, not in the order of the weights, because only
 * the number of scores above a threshold is needed. The largest score of a layer is 1, so every layer keeps at least
 * one weight.
 */
export function lampScores(weights: Float32Array): Float32Array {
  const scores = magnitudes(weights).sort();
  let sum = 0;
  for (let i = scores.length - 1; i >= 0; i--) {
    const square = scores[i] * scores[i];
    sum += square;
    scores[i] = sum === 0 ? 0 : square / sum;
  }
  return scores;
}

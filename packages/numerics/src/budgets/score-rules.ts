/** The magnitude of each weight, in a new array. */
export const magnitudes = (weights: Float32Array): Float32Array => weights.map(Math.abs);

/**
 * Layer-adaptive magnitudes (Lee et al., "Layer-Adaptive Sparsity for the Magnitude-based Pruning", ICLR 2021, equation 4): a weight's
 * square over the sum of the squares of all weights of its layer that are no smaller. The scores are returned in ascending order,
 * not in the order of the weights, because only the number of scores above a threshold is of use. The largest score of a layer is
 * 1, so no layer loses all its weights.
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

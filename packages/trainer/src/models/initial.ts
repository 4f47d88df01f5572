import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import type { ModelDescription } from './model.js';

/**
 * Returns the initial parameters [model.size], which depend only on the model and the seed. The weights and biases of a
 * layer are drawn uniformly from +-1/sqrt(fan-in), PyTorch's default for these layers (He et al. 2015 with a =
 * sqrt(5)). Parameters with a fixed initial value, such as those of a normalisation, get that value.
 *
 * The script of the paper's authors draws from a truncated normal distribution with standard deviation 0.1 instead. Its
 * larger weights take longer to prune.
 */
export function initialParameters(model: ModelDescription, seed: number): Float32Array {
  const values = new Float32Array(model.size);
  let fanIn = 1;
  model.parameters.forEach(({ kind, shape, offset, size, initial }, index) => {
    if (initial !== undefined) {
      values.fill(initial, offset, offset + size);
      return;
    }
    if (kind === 'weight') fanIn = size / shape[shape.length - 1];
    const bound = 1 / Math.sqrt(fanIn);
    const random = new RandomStream(seed, purposes.initialWeights, 0, index);
    for (let i = 0; i < size; i++) values[offset + i] = bound * (2 * random.nextFraction() - 1);
  });
  return values;
}

import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import type { ModelDescription } from './model.js';

/**
 * Draws the initial parameters [model.size], a function of the seed alone: every weight and bias of a layer uniform in
 * +-1/sqrt(fan-in), PyTorch's default for these layers (He et al. 2015 with a = sqrt(5)). Parameters with a given initial
 * value, such as a normalisation's, have that.
 *
 * The authors' script draws from a truncated normal with deviation 0.1 instead, whose larger weights take longer to prune.
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

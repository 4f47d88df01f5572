import type { Loss } from './loss.js';

/** The mean over the outputs of the squared difference, as PyTorch's MSELoss defines it. */
export const meanSquaredError: Loss = {
  name: 'mean-squared-error',
  targets: 'values',
  compute: (tf, outputs, targets) => tf.mean(tf.squaredDifference(outputs, targets), 1),
};

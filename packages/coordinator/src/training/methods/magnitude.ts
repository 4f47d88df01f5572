import type { Method } from './method.js';

/**
 * Magnitude pruning (Han et al. 2015, a single round): the weights themselves are hard-pruned, and all epochs that are
 * left go into masked retraining.
 */
export const magnitude: Method = {
  name: 'magnitude',
  title: 'one-shot magnitude',
  trains: false,
  uses: [],
  prune: (_training, { weights }) => Promise.resolve(weights),
};

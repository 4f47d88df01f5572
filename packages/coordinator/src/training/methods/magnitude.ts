import type { Method } from './method.js';

/**
 * Magnitude pruning (Han et al. 2015) in a single round. The dense weights are hard-pruned directly, and all remaining
 * epochs are used for masked retraining.
 */
export const magnitude: Method = {
  name: 'magnitude',
  title: 'one-shot magnitude',
  trains: false,
  uses: [],
  prune: (_training, { weights }) => Promise.resolve(weights),
};

import type { Method } from './method.js';

/**
 * One-shot magnitude pruning (Han et al. 2015, a single round): the dense weights themselves are hard-pruned, and all epochs that are left
 * go into masked retraining.
 */
export const magnitude: Method = (_training, dense) => Promise.resolve(dense);

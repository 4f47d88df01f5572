import { models } from '@prunegrid/trainer/models';

import type { Trial } from './plan-format.js';

/**
 * Returns the number of weights of a trial's network, without its biases. It is NaN in a sweep of an earlier release
 * with a network that is not registered here.
 */
export const networkWeights = ({ weights, spec }: Pick<Trial, 'weights' | 'spec'>): number =>
  weights ?? models.find(spec.model)?.layers.reduce((sum, layer) => sum + layer.weights, 0) ?? NaN;

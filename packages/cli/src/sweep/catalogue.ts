import { datasets } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';

/** What this process can train, extensions included. */
export const catalogue = {
  get engines() {
    return engines.names;
  },
  get models() {
    return [...models];
  },
  get datasets() {
    return datasets.names;
  },
};

/** Weights of a network, biases apart. */
export const weightsOfModel = (name: string): number =>
  models.find(name)?.layers.reduce((sum, layer) => sum + layer.weights, 0) ?? NaN;

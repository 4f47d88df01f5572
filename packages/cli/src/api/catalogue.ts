import { datasets } from '@prunegrid/trainer/datasets';
import { engines } from '@prunegrid/trainer/engines';
import { models } from '@prunegrid/trainer/models';

/** What this process can train, including the members that extensions added. */
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

/** Returns the number of a network's weights without its biases, or NaN if the network is unknown. */
export const weightsOfModel = (name: string): number =>
  models.find(name)?.layers.reduce((sum, layer) => sum + layer.weights, 0) ?? NaN;

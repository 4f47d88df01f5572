import { datasetNames } from '@prunegrid/trainer/datasets';
import { models } from '@prunegrid/trainer/models';

/** What this build can train. */
export const catalogue = { models: [...models.values()], datasets: datasetNames };

/** Weights of a network, biases apart. */
export const weightsOfModel = (name: string): number =>
  models.get(name)?.layers.reduce((sum, layer) => sum + layer.weights, 0) ?? NaN;

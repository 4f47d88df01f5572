import type { Host } from '@prunegrid/core/runtime';

import type { Model } from '../models/index.js';
import type { LoadedObjective, Objective, ObjectiveChoice } from './loss.js';

export {
  type Loss,
  type LossModule,
  type Metric,
  type MetricModule,
  metricName,
  type Objective,
  type ObjectiveChoice,
} from './loss.js';

/**
 * Loads the loss and the metrics of a spec, and tries them out with shapes. TensorFlow.js is loaded only if there are any.
 * @param outputs the number of the network's outputs
 * @returns undefined if the spec chooses neither
 * @throws {Failure} `input`, which begins with the key, if a module cannot be loaded or is not that of the reference
 */
export async function loadObjective(
  choice: ObjectiveChoice,
  outputs: number,
  host: Pick<Host, 'files'>,
): Promise<LoadedObjective | undefined> {
  if (choice.loss === undefined && choice.metrics === undefined) return undefined;
  const { loadChosen } = await import('./load.js');
  return loadChosen(choice, outputs, host);
}

/** Returns a model that is trained for an objective. Without one it is the same model. */
export const withObjective = (model: Model, objective: Objective | undefined): Model =>
  objective ? (Object.assign(Object.create(model) as Model, { objective }) satisfies Model) : model;

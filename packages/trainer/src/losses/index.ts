import type { Model } from '../models/index.js';
import type { Objective } from './loss.js';

export { loadObjective, metricName, type ObjectiveChoice } from './load.js';
export type { Loss, LossModule, Metric, MetricModule, Objective } from './loss.js';

/** Returns a model that is trained for an objective. Without one it is the same model. */
export const withObjective = (model: Model, objective: Objective | undefined): Model =>
  objective ? (Object.assign(Object.create(model) as Model, { objective }) satisfies Model) : model;

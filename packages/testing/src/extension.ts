import type { TrainerRegistries } from '@prunegrid/trainer/registries';

import { smallDataset } from './engine/dataset.js';
import { smallEngine } from './engine/engine.js';
import { smallModel } from './engine/model.js';

/**
 * An extension that adds `engine: small`, `model: small` and `dataset: { name: small }` to the processes that load it.
 */
export default function extend({
  engines,
  models,
  datasets,
}: Pick<TrainerRegistries, 'engines' | 'models' | 'datasets'>): void {
  engines.add(smallEngine);
  models.add(smallModel);
  datasets.add(smallDataset);
}

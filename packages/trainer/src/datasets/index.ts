import { Registry } from '@prunegrid/core/registry';

import type { DatasetSource } from './dataset.js';
import { mnist } from './mnist.js';

export {
  type Batch,
  type BatchPosition,
  dropoutFactors,
  epochOrder,
  evaluationBatch,
  evaluationBlocks,
  trainingBatch,
} from './batches.js';
export {
  type Dataset,
  type DatasetChoice,
  type DatasetSource,
  type Examples,
  residentSplit,
  slice,
  type Split,
} from './dataset.js';
export { type BatchPlan, type TrainingBatch, TrainingBatches } from './training-batches.js';

/** All data sets that a spec can name in the field `dataset.name`. */
export const datasets = new Registry<DatasetSource>('data set', [mnist]);

export type { Batch, BatchPosition, ModelValues } from './batch.js';
export {
  dropoutFactors,
  epochOrder,
  evaluationBatch,
  evaluationBlocks,
  purposeOfDropout,
  trainingBatch,
} from './batches.js';
export { type DatasetChoice, datasetChoiceSchema } from './choice.js';
export {
  type Dataset,
  type DatasetSource,
  type Examples,
  exampleSize,
  residentSplit,
  slice,
  type Split,
} from './dataset.js';
export { type BatchPlan, type TrainingBatch, TrainingBatches } from './training-batches.js';
export { type DatasetDescription, datasetDescriptionSchema, describeDataset } from './description.js';
export { contentHashOf } from './files/fingerprint.js';
export { isDatasetPath, isModule } from './files/opened.js';
export { isLabelFile } from './pictures/label-file.js';
export { expectedHash, loadDataset } from './load.js';
export { conversionOf, inputOf, misfit } from './normalization.js';
export { datasets } from './registry.js';
export { cutParts } from './splits.js';

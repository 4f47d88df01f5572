import { Failure } from '@prunegrid/core/failure';
import type { Dataset, DatasetChoice } from './dataset.js';
import { loadMnist } from './mnist.js';

export { type Batch, dropoutFactors, epochOrder, evaluationBatch, evaluationBlocks, trainingBatch } from './batches.js';
export type { Dataset, DatasetChoice, LabelledImages } from './dataset.js';

const loaders: ReadonlyMap<string, (choice: DatasetChoice) => Promise<Dataset>> = new Map([['mnist', loadMnist]]);

/** Names that a spec may give as `dataset.name`. */
export const datasetNames: readonly string[] = [...loaders.keys()];

/** Throws Failure for an unknown name or unusable files. */
export function loadDataset(choice: DatasetChoice): Promise<Dataset> {
  const load = loaders.get(choice.name);
  if (!load)
    throw new Failure('input', `dataset.name: no data set ${choice.name}; there is ${datasetNames.join(', ')}`);
  return load(choice);
}

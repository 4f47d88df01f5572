import { type Evaluate, type Evaluated, Split } from '@prunegrid/proto';

import { type Dataset, evaluationBlocks } from '../datasets/index.js';
import type { Replica } from './replica.js';

/** Measures the blocks of images that `request` names. */
export function evaluate(
  replica: Replica,
  dataset: Dataset,
  { split, blockSize, firstBlock, blocks }: Evaluate,
): Evaluated {
  const all = split === Split.TEST ? dataset.test : dataset.validation;
  const result: Evaluated = { losses: [], correct: 0 };
  for (const batch of evaluationBlocks(all, blockSize, firstBlock, blocks)) {
    const { loss, correct } = replica.score(batch);
    result.losses.push(loss);
    result.correct += correct;
  }
  return result;
}

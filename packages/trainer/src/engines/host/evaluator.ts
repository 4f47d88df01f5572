import { type Dataset, evaluationBlocks } from '../../datasets/index.js';
import type { Evaluation, EvaluationRequest } from '../engine.js';
import type { BatchScore, Network } from './network.js';

/** Evaluates the network with its current parameters on the blocks of `request`. */
export async function evaluateBlocks(
  network: Network,
  dataset: Dataset,
  { part, blockSize, firstBlock, blocks }: EvaluationRequest,
): Promise<Evaluation> {
  const result: Evaluation = { losses: [], correct: 0 };
  for await (const batch of evaluationBlocks(dataset, dataset[part], blockSize, firstBlock, blocks)) {
    addScore(result, await network.score(batch));
  }
  return result;
}

/** Adds the score of a block, which comes after those that were added before. */
export function addScore(result: Evaluation, { loss, correct, top5, metrics }: BatchScore): void {
  result.losses.push(loss);
  result.correct += correct;
  if (metrics) (result.metrics ??= []).push(...metrics);
  if (top5 !== undefined) result.top5 = (result.top5 ?? 0) + top5;
}

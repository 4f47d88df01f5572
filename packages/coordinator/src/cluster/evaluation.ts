import { Failure } from '@prunegrid/core/failure';
import { evenShares } from '@prunegrid/numerics/shares';
import type { Evaluated, Split } from '@prunegrid/proto';

import type { Broadcast } from './broadcast.js';

/**
 * Images that a trainer evaluates at a time. The number is fixed, so that the sums do not depend on the number of
 * trainers. Among block sizes from 25 to 500 images, 50 and 100 take the least time.
 */
const EVALUATION_BLOCK = 100;

/** Scores of weights on one part of the data set. */
export interface Evaluation {
  /** Share of correct answers, from 0 to 1. */
  accuracy: number;
  /** Mean loss: the cross-entropy in nats, unless the workload names another. */
  loss: number;
  /** Share of examples whose class is among the five that the network prefers; absent if there are at most five. */
  top5?: number;
  /** The means of the workload's metrics, by their names; absent if it has none. */
  metrics?: Record<string, number>;
}

/**
 * Measures the trainers' current weights on a part of the data set, which has `images` images. Returns also what trainers say about
 * their data.
 * @param metrics the names of the workload's metrics
 */
export async function evaluateOn(
  trainers: Broadcast,
  split: Split,
  images: number,
  metrics: readonly string[],
): Promise<Evaluation & { notices: string[] }> {
  const shares = evenShares(Math.ceil(images / EVALUATION_BLOCK), trainers.trainers.length);
  await trainers.tellEach((i) => ({
    $case: 'evaluate',
    value: { split, blockSize: EVALUATION_BLOCK, firstBlock: shares[i].first, blocks: shares[i].count },
  }));
  const read = (value: Evaluated, name: string, i: number) => {
    const { first, count } = shares[i];
    const own = Math.min(images, (first + count) * EVALUATION_BLOCK) - Math.min(images, first * EVALUATION_BLOCK);
    const { losses, correct, correctTop5 = 0 } = value;
    const found = [losses.length, value.metrics.length];
    if (found[0] !== count || found[1] !== count * metrics.length) {
      const due = `${count} losses and ${count * metrics.length} metrics`;
      throw new Failure(
        'trainers',
        `${name}: reported ${found[0]} losses and ${found[1]} metrics, where ${due} are due`,
      );
    }
    trainers.requirePlausible(name, { losses, correct: [correct, correctTop5], images: own });
    return value;
  };
  const measured = await trainers.ask('evaluated', read, 'evaluation', shares[0].count);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  // A trainer without blocks has counted nothing.
  const top5 = measured.flatMap(({ correctTop5 }) => correctTop5 ?? []);
  return {
    accuracy: sum(measured.map(({ correct }) => correct)) / images,
    loss: sum(measured.flatMap(({ losses }) => losses)) / images,
    ...(top5.length > 0 && { top5: sum(top5) / images }),
    ...(metrics.length > 0 && {
      metrics: meansOf(
        metrics,
        measured.flatMap((each) => each.metrics),
        images,
      ),
    }),
    notices: measured.flatMap(({ notices }) => notices),
  };
}

/** Returns the means over all images of metrics whose sums are given for each block, one block after another. */
function meansOf(names: readonly string[], sums: readonly number[], images: number): Record<string, number> {
  const totals = names.map(() => 0);
  sums.forEach((sum, i) => (totals[i % names.length] += sum));
  return Object.fromEntries(names.map((name, i) => [name, totals[i] / images]));
}

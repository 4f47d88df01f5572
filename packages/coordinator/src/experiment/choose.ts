import type { Spec } from './spec.js';

/** The metric by which epochs and trials are chosen. */
export type Choose = Spec['choose'];

/** Returns a number that is the higher the better the evaluation is, by the metric that the spec chooses. */
export function scoreOf(choose: Choose, { accuracy, loss }: { accuracy: number; loss: number }): number {
  if (choose === 'accuracy') return accuracy;
  // What has diverged is the worst of all.
  return Number.isNaN(loss) ? -Infinity : -loss;
}

/** Returns a score in words, such as `98.20 %` or `a loss of 0.0512`. */
export const scoreText = (choose: Choose, score: number): string =>
  choose === 'accuracy' ? `${(score * 100).toFixed(2)} %` : `a loss of ${(-score).toPrecision(3)}`;

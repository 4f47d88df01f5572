import type { Spec } from './spec.js';

/** The metric by which epochs and trials are chosen. */
export type Choose = Spec['choose'];

/** The number of classes above which top-5 accuracy says something. */
export const TOP_5_ABOVE = 5;

/** What an evaluation measures, of which some metrics may be missing; see `Evaluation`. */
export interface Measures {
  accuracy: number;
  top5?: number | undefined;
  loss?: number | undefined;
  metrics?: Readonly<Record<string, number>> | undefined;
}

/**
 * Returns a number that is the higher the better the evaluation is, by the metric that the spec chooses. Specs of early
 * releases choose none, which means accuracy.
 */
export function scoreOf(
  choose: Choose | undefined = 'accuracy',
  { accuracy, top5 = NaN, loss = NaN, metrics = {} }: Measures,
): number {
  if (choose === 'accuracy') return accuracy;
  const own = typeof choose === 'string' ? NaN : (metrics[choose.metric] ?? NaN);
  const score = choose === 'top5' ? top5 : choose === 'loss' ? -loss : choose.best === 'highest' ? own : -own;
  // What has diverged is the worst of all.
  return Number.isNaN(score) ? -Infinity : score;
}

/** Returns a score in words, such as `98.20 %` or `a loss of 0.0512`. */
export function scoreText(choose: Choose | undefined = 'accuracy', score: number): string {
  if (typeof choose !== 'string') {
    return `a ${choose.metric} of ${(choose.best === 'highest' ? score : -score).toPrecision(3)}`;
  }
  if (choose === 'loss') return `a loss of ${(-score).toPrecision(3)}`;
  return `${(score * 100).toFixed(2)} %${choose === 'top5' ? ' top-5' : ''}`;
}

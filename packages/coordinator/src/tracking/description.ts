import { duration, grouped, percent, ratio, roughPercent } from '@prunegrid/core/text/figures';
import type { RunResult } from '../training/records.js';

/** The tag whose Markdown MLflow shows as the description of a run. */
export const descriptionTag = 'mlflow.note.content';

/** Returns the result of a run as Markdown: how accurate it is after each phase, and what each layer keeps. */
export function runDescription({ dense, hardPruned, final, layers, total, seconds, epochs }: RunResult): string {
  const stage = (name: string, { validationAccuracy, testAccuracy }: RunResult['final']) => [
    name,
    percent(validationAccuracy),
    percent(testAccuracy),
  ];
  const computed = total.multiplyAccumulates !== undefined;
  return [
    `**${percent(final.validationAccuracy)}** held out at **${ratio(total.weights, total.kept)}** compression${total.compactBytes === undefined ? '' : ` (${grouped(total.compactBytes)} bytes with positions, in float16)`}, ${epochs} epochs in ${duration(seconds)}`,
    table([
      ['accuracy', 'held out', 'test'],
      stage('dense', dense),
      stage('straight after pruning', hardPruned),
      stage('final, after retraining', final),
    ]),
    table([
      ['layer', 'weights', 'kept', 'share', ...(computed ? ['multiply-accumulates', 'pruned'] : [])],
      ...[...layers, { name: 'total', ...total }].map(({ name, weights, kept, multiplyAccumulates }) => [
        name,
        grouped(weights),
        grouped(kept),
        roughPercent(kept / weights),
        ...(multiplyAccumulates ? [grouped(multiplyAccumulates.dense), grouped(multiplyAccumulates.pruned)] : []),
      ]),
    ]),
  ].join('\n\n');
}

/** One finished trial in the description of its sweep. */
export interface TrialRow {
  trial: number;
  /** What varies, as in the run's name. */
  name: string;
  validationAccuracy: number;
  testAccuracy: number;
  weights: number;
  kept: number;
}

/** The number of trials in a sweep's description, which must fit into a tag. */
const shownTrials = 20;

/** Returns the rows with one more, the most accurate first, without those that a description has no room for. */
export const withTrial = (rows: readonly TrialRow[], row: TrialRow): TrialRow[] =>
  [...rows.filter(({ trial }) => trial !== row.trial), row]
    .sort((one, other) => other.validationAccuracy - one.validationAccuracy || one.trial - other.trial)
    .slice(0, shownTrials);

/** Returns the finished trials of a sweep as Markdown. `finished` is their number, of which `rows` may be a part. */
export const sweepDescription = (rows: readonly TrialRow[], finished: number): string =>
  [
    finished > rows.length ? `The ${rows.length} of ${finished} finished trials with the best held-out accuracy` : '',
    table([
      ['trial', 'settings', 'held out', 'test', 'compression'],
      ...rows.map(({ trial, name, validationAccuracy, testAccuracy, weights, kept }) => [
        String(trial),
        name,
        percent(validationAccuracy),
        percent(testAccuracy),
        ratio(weights, kept),
      ]),
    ]),
  ]
    .filter((part) => part !== '')
    .join('\n\n');

/** Returns a Markdown table. The first row is its head; all columns but the first are aligned to the right. */
function table([head, ...rows]: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replace(/[|\n]/g, ' ')).join(' | ')} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

import { join } from 'node:path';

import {
  conditionOf,
  countsOf,
  describeTrial,
  type Standing,
  statusOrder,
} from '@prunegrid/coordinator/report/condition';
import { brief } from '@prunegrid/coordinator/experiment/setting';
import { groupBy } from '@prunegrid/coordinator/sweep/grouping';
import type { SweepPlan, Trial } from '@prunegrid/coordinator/sweep/planner/plan';
import type { JobProgress } from '@prunegrid/coordinator/sweep/progress';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import { columns } from '@prunegrid/core/text/columns';
import { counted, grouped, percent, ratio } from '@prunegrid/core/text/figures';

/**
 * A row for each cell: its settings, the mean results of its seeds so far, and how many of its trials have which
 * status.
 * @param weights gives the number of a network's weights, without its biases
 */
export function cellRows(plan: SweepPlan, state: SweepState, weights: (model: string) => number): (string[] | null)[] {
  const axes = [...new Set(plan.trials.flatMap(({ settings }) => Object.keys(settings)))];
  const cells = groupBy(plan.trials, ({ cell }) => cell);
  return [
    ['cell', ...axes, 'compression', 'test', 'held out', 'state'],
    null,
    ...[...cells].map(([cell, trials]) => {
      const results = trials.flatMap(({ number }) => state.trials.get(number)?.result ?? []);
      const mean = (pick: (result: (typeof results)[number]) => number) =>
        percent(results.reduce((sum, result) => sum + pick(result), 0) / results.length);
      return [
        String(cell),
        ...axes.map((axis) => (axis in trials[0].settings ? brief(trials[0].settings[axis]) : '-')),
        ratio(weights(trials[0].spec.model), trials[0].kept.total),
        mean(({ final }) => final.testAccuracy),
        mean(({ final }) => final.validationAccuracy),
        statesOf(trials, state),
      ];
    }),
  ];
}

/**
 * The best trial of each sparsity by held-out accuracy, the sparsest last. The accuracy on the test set is shown and
 * does not choose.
 */
export function bestLines(plan: SweepPlan, state: SweepState, weights: (model: string) => number): string[] {
  const bySparsity = groupBy(
    plan.trials.filter(({ number }) => state.trials.get(number)?.result),
    ({ spec, kept }) => `${spec.model} ${kept.total}`,
  );
  const held = ({ number }: Trial) => state.trials.get(number)?.result?.final.validationAccuracy ?? -1;
  return [...bySparsity.values()]
    .map((trials) => trials.reduce((best, trial) => (held(trial) > held(best) ? trial : best)))
    .sort((a, b) => b.kept.total - a.kept.total)
    .map((best) => {
      const { testAccuracy, validationAccuracy } = state.trials.get(best.number)!.result!.final;
      const compression = ratio(weights(best.spec.model), best.kept.total);
      return `best at ${compression}: ${percent(testAccuracy)} test, ${percent(validationAccuracy)} held out (trial ${best.number}: ${describeTrial(best)})`;
    });
}

/**
 * Everything about a sweep at this moment. Plain text without a newline at the end.
 * @param folder the sweep's, as the user should read it
 * @param weights gives the number of a network's weights, without its biases
 * @param progress how far the jobs that are running have come
 */
export function renderStatus(
  { plan, ...standing }: { plan: SweepPlan } & Standing,
  folder: string,
  weights: (model: string) => number,
  progress: readonly JobProgress[] = [],
): string {
  const { state } = standing;
  const failed = plan.trials.filter(({ number }) => state.trials.get(number)?.status === 'failed');
  return [
    `${plan.name}: ${counted(plan.trials.length, 'trial')}: ${countsOf(state)}; ${conditionOf(standing)}`,
    '',
    ...columns(cellRows(plan, state, weights)),
    ...columns(progress.map(progressRow)).map((line, i) => (i === 0 ? `\n${line}` : line)),
    ...bestLines(plan, state, weights).map((line, i) => (i === 0 ? `\n${line}` : line)),
    ...failed.map(
      ({ number }, i) => `${i === 0 ? '\n' : ''}trial ${number} failed: ${state.trials.get(number)?.reason}`,
    ),
    '',
    `Files: ${folder}`,
    ...(standing.live || state.startedAt === 0 ? [] : [`Report: ${join(folder, 'report/report.html')}`]),
    ...nextSteps(standing, folder),
  ].join('\n');
}

const phaseTitles = { dense: 'dense training', prune: 'pruning', retrain: 'retraining' } as const;

const progressRow = ({ trial, trainers, phase, epoch, epochs, heldOut, imagesPerSecond }: JobProgress): string[] => [
  `trainer ${trainers.join(', ')}`,
  trial === undefined ? 'dense network' : `trial ${trial}`,
  `${phaseTitles[phase]}, epoch ${Math.min(epoch + 1, epochs)} of ${epochs}`,
  heldOut === undefined ? '-' : `${percent(heldOut)} held out`,
  imagesPerSecond === undefined ? '-' : `${grouped(imagesPerSecond)} images/s`,
];

function nextSteps(standing: Standing, folder: string): string[] {
  switch (conditionOf(standing)) {
    case 'running':
      return [`Watch it: prunegrid sweep watch ${folder}; end it: prunegrid sweep cancel ${folder}`];
    case 'queued':
      return [`Take it out of the queue: prunegrid sweep cancel ${folder}`];
    case 'queued, no server is up':
      return [`Start a server: prunegrid serve QUEUE; or take it out: prunegrid sweep cancel ${folder}`];
    case 'finished':
      return [];
    case 'finished, some trials failed':
      return [`Try the failed ones again: prunegrid sweep resume ${folder} --failed`];
    default:
      return [`Resume it: prunegrid sweep resume ${folder}`];
  }
}

function statesOf(trials: readonly Trial[], state: SweepState): string {
  const states = trials.map(({ number }) => state.trials.get(number)?.status ?? 'waiting');
  if (trials.length === 1) return states[0];
  return statusOrder
    .map((status) => ({ status, count: states.filter((other) => other === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ status, count }) => (count === trials.length ? `all ${count} ${status}` : `${count} ${status}`))
    .join(', ');
}

import { join } from 'node:path';

import { groupBy } from '../sweep/grouping.js';
import type { SweepPlan, Trial } from '../sweep/planner/plan.js';
import type { WorkProgress } from '../sweep/progress.js';
import type { SweepState, TrialStatus } from '../sweep/state.js';
import { columns } from '@prunegrid/core/text/columns';
import { counted, grouped, percent, ratio } from '@prunegrid/core/text/figures';
import { brief } from './plan.js';

const order: TrialStatus[] = ['finished', 'running', 'waiting', 'stopped', 'failed'];

/** `3 finished, 1 running, 8 waiting`. */
export function countsOf(state: SweepState): string {
  return order
    .map((status): [number, string] => [state.count(status), status === 'stopped' ? 'stopped early' : status])
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`)
    .join(', ');
}

/** `admm.rho 1e-3, seed 2`: what tells a trial from the others. */
export function describeTrial({ settings, spec }: Pick<Trial, 'settings' | 'spec'>): string {
  return [...Object.entries(settings).map(([key, value]) => `${key} ${brief(value)}`), `seed ${spec.seed}`].join(', ');
}

/**
 * A row for each cell: its settings, how its trials stand and what they have come to so far, in the mean over seeds.
 * @param weights of the trials' network, biases apart
 */
export function cellRows(plan: SweepPlan, state: SweepState, weights: (model: string) => number): (string[] | null)[] {
  const axes = [...new Set(plan.trials.flatMap(({ settings }) => Object.keys(settings)))];
  const cells = groupBy(plan.trials, ({ cell }) => cell);
  return [
    ['cell', ...axes, 'times fewer', 'test', 'held out', 'state'],
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

/** The best trial of each sparsity by held-out accuracy, sparsest last; the test set only reports. */
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
      const fewer = ratio(weights(best.spec.model), best.kept.total);
      return `best at ${fewer}: ${percent(testAccuracy)} test, ${percent(validationAccuracy)} held out (trial ${best.number}: ${describeTrial(best)})`;
    });
}

/**
 * Everything about a sweep at this moment. Plain text without a newline at the end.
 * @param progress of what is running
 */
export function renderStatus(
  { plan, ...standing }: { plan: SweepPlan } & Standing,
  folder: string,
  weights: (model: string) => number,
  progress: readonly WorkProgress[] = [],
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

const progressRow = ({ trial, trainers, phase, epoch, epochs, heldOut, imagesPerSecond }: WorkProgress): string[] => [
  `trainer ${trainers.join(', ')}`,
  trial === undefined ? 'dense network' : `trial ${trial}`,
  `${phaseTitles[phase]}, epoch ${Math.min(epoch + 1, epochs)} of ${epochs}`,
  heldOut === undefined ? '-' : `${percent(heldOut)} held out`,
  imagesPerSecond === undefined ? '-' : `${grouped(imagesPerSecond)} images/s`,
];

/** What tells how a sweep as a whole stands: see `ReadSweep`, and `queuedAt` for its place in a queue. */
interface Standing {
  state: SweepState;
  live: boolean;
  queued?: { served: boolean };
}

export type Condition =
  | 'running'
  | 'queued'
  | 'queued, no server is up'
  | 'finished'
  | 'finished, some trials failed'
  | 'not begun'
  | 'interrupted'
  | 'broken off';

export function conditionOf({ state, live, queued }: Standing): Condition {
  if (live) return 'running';
  if (state.ended) return state.count('failed') > 0 ? 'finished, some trials failed' : 'finished';
  if (queued) return queued.served ? 'queued' : 'queued, no server is up';
  if (state.startedAt === 0) return 'not begun';
  return state.interrupted === undefined ? 'broken off' : 'interrupted';
}

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
      return [`Go on with it: prunegrid sweep resume ${folder}`];
  }
}

function statesOf(trials: readonly Trial[], state: SweepState): string {
  const states = trials.map(({ number }) => state.trials.get(number)?.status ?? 'waiting');
  if (trials.length === 1) return states[0];
  return order
    .map((status) => ({ status, count: states.filter((other) => other === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ status, count }) => (count === trials.length ? `all ${count} ${status}` : `${count} ${status}`))
    .join(', ');
}

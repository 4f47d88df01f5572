import { join } from 'node:path';

import { conditionOf, countsOf, type Standing, statusOrder } from '@prunegrid/coordinator/report/condition';
import { brief } from '@prunegrid/coordinator/experiment/setting';
import { curveOf, curvesOf } from '@prunegrid/coordinator/report/sweep/curves';
import { seedsOf, withDeviation } from '@prunegrid/coordinator/report/sweep/formats';
import {
  bestOfEachSparsity,
  type CellRow,
  type SweepTable,
  sweepTable,
} from '@prunegrid/coordinator/report/sweep/table';
import type { SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import type { JobProgress } from '@prunegrid/coordinator/sweep/progress';
import { columns } from '@prunegrid/core/text/columns';
import { counted, grouped, percent, ratio } from '@prunegrid/core/text/figures';

/**
 * Returns a row for each cell: its settings, the mean ± the sample standard deviation of the accuracies over the seeds
 * that have finished, and how many of its trials have which status.
 */
export function cellRows({ axes, rows }: SweepTable): (string[] | null)[] {
  return [
    ['cell', ...axes, 'compression', 'test, %', 'held out, %', 'state'],
    null,
    ...rows.map((row) => [
      String(row.cell),
      ...axes.map((axis) => (axis in row.settings ? brief(row.settings[axis]) : '-')),
      ratio(row.weights, row.kept),
      withDeviation(row.result?.test),
      withDeviation(row.result?.heldOut),
      statesOf(row),
    ]),
  ];
}

/**
 * Returns a row for the best configuration of each sparsity (see `bestOfEachSparsity`), the sparsest last, below a
 * header; nothing if no trial has finished. The accuracy on the test set is shown and does not choose.
 */
export function bestRows(table: SweepTable): string[][] {
  const curves = curvesOf(table);
  const rows = bestOfEachSparsity(table.rows).map((row) => [
    ratio(row.weights, row.kept),
    withDeviation(row.result.heldOut),
    withDeviation(row.result.test),
    seedsOf(row),
    `cell ${row.cell}`,
    curveOf(curves, row),
  ]);
  return rows.length === 0 ? [] : [['best at', 'held out, %', 'test, %', 'seeds', '', ''], ...rows];
}

/**
 * Everything about a sweep at this moment. Plain text without a newline at the end.
 * @param folder the sweep's, as the user should read it
 * @param progress how far the jobs that are running have come
 */
export function renderStatus(
  { plan, ...standing }: { plan: SweepPlan } & Standing,
  folder: string,
  progress: readonly JobProgress[] = [],
): string {
  const { state } = standing;
  const table = sweepTable(plan, state);
  const failed = plan.trials.filter(({ number }) => state.trials.get(number)?.status === 'failed');
  return [
    `${plan.name}: ${counted(plan.trials.length, 'trial')}: ${countsOf(state)}; ${conditionOf(standing)}`,
    '',
    ...columns(cellRows(table)),
    ...columns(progress.map(progressRow)).map((line, i) => (i === 0 ? `\n${line}` : line)),
    ...columns(bestRows(table)).map((line, i) => (i === 0 ? `\n${line}` : line)),
    ...failed.map(
      ({ number }, i) => `${i === 0 ? '\n' : ''}trial ${number} failed: ${state.trials.get(number)?.reason}`,
    ),
    ...warningLines(table).map((line, i) => (i === 0 ? `\n${line}` : line)),
    '',
    `Files: ${folder}`,
    ...(standing.live || state.startedAt === 0 ? [] : [`Report: ${join(folder, 'report/report.html')}`]),
    ...nextSteps(standing, folder),
  ].join('\n');
}

/** How many trials with warnings the status names. The report has them all. */
const WARNED_TRIALS = 5;

function warningLines({ rows }: SweepTable): string[] {
  const all = rows.flatMap(({ warnings }) => warnings);
  return [
    ...all.slice(0, WARNED_TRIALS).map(({ trial, message }) => `trial ${trial}: ${message}`),
    ...(all.length > WARNED_TRIALS
      ? [`and ${counted(all.length - WARNED_TRIALS, 'more warning')}: see the report`]
      : []),
  ];
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

function statesOf({ states, planned }: CellRow): string {
  const counts = statusOrder.flatMap((status) => (states[status] ? [{ status, count: states[status] }] : []));
  if (planned === 1) return counts.map(({ status }) => status).join();
  return counts
    .map(({ status, count }) => (count === planned ? `all ${count} ${status}` : `${count} ${status}`))
    .join(', ');
}

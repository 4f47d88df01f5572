import type { Colors } from 'picocolors/types.js';

import { countsOf, describeTrial } from '@prunegrid/coordinator/report/condition';
import { sweepTable } from '@prunegrid/coordinator/report/sweep/table';
import { columns, columnsWithin } from '@prunegrid/core/text/columns';
import { counted, duration, grouped, percent, wholePercent } from '@prunegrid/core/text/figures';
import { wrapped } from '@prunegrid/core/text/wrapping';

import { bestRows, cellRows } from '../tables/sweep-status.js';
import { bar, SHORTEST_BAR } from './frame.js';
import { titleOf } from './lines.js';
import type { Running, SweepView } from './sweep-view.js';

const LONGEST_BAR = 40;

/**
 * Returns the part of a sweep's screen that is drawn over and over. In this order, as far as there is room, it shows
 * the counts of trials, the bar, every running job, the best configurations, and the table of all cells. The table is
 * shown whole or not at all, because the counts and the best configurations sum it up.
 * @param size the largest number of columns and lines
 */
export function sweepFrame(
  view: SweepView,
  { width, height }: { width: number; height: number },
  colors: Colors,
): string[] {
  const { plan, state } = view;
  const table = sweepTable(plan, state);
  const lines = [...wrapped(`${plan.name}: ${countsOf(state)}`, width), wholeBar(view, width, colors)];
  const room = () => height - lines.length;
  const running = [...view.running.values()].map((job) => runningRow(view, job));
  lines.push(...folded(columnsWithin(running, width, leftOut.running), room(), 'running job'));
  const best = columnsWithin(bestRows(table), width, leftOut.best);
  if (room() > 1) lines.push(...folded(best, room(), 'configuration').map((line) => colors.bold(line)));
  const cells = columns(cellRows(table));
  const fits = cells.length <= room() && cells.every((line) => line.length <= width);
  return fits ? [...lines, ...cells.map((line) => colors.dim(line))] : lines;
}

/** The positions of the columns that a narrow terminal does without, in the order in which they are left out. */
const leftOut = {
  /** These are the trainers, the speed, the settings and the accuracy. */
  running: [4, 3, 5, 2],
  /** These are the accuracy on the test set, the cell's number and the number of seeds. */
  best: [2, 4, 3],
};

function wholeBar(view: SweepView, width: number, colors: Colors): string {
  const left = view.secondsLeft;
  const text = `${wholePercent(view.share)}${left === null ? '' : `  ${duration(left)} left`}`;
  const room = Math.min(LONGEST_BAR, width - text.length - 2);
  return room < SHORTEST_BAR ? text.slice(0, width) : `${bar(view.share, room, colors, colors.green)}  ${text}`;
}

function runningRow(view: SweepView, { work, trainers, progress }: Running): string[] {
  const trial = work.kind === 'trial' ? view.trial(work.trial) : null;
  return [
    work.kind === 'dense' ? `dense network ${work.key.slice(0, 12)}` : `trial ${work.trial}`,
    progress ? `${titleOf(progress.phase, trial?.spec ?? null)} ${wholePercent(progress.step / progress.steps)}` : '',
    progress ? `accuracy ${percent(progress.accuracy)}` : '',
    progress?.imagesPerSecond === undefined ? '' : `${grouped(progress.imagesPerSecond)} images/s`,
    `trainer ${trainers.join(', ')}`,
    trial ? describeTrial(trial) : '',
  ];
}

/** Returns the lines that fit into `room`; the last one counts those that do not. */
function folded(lines: readonly string[], room: number, what: string): string[] {
  if (lines.length <= room) return [...lines];
  const shown = lines.slice(0, Math.max(0, room - 1));
  return room < 1 ? [] : [...shown, `and ${counted(lines.length - shown.length, `more ${what}`)}`];
}

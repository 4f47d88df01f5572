import type { Colors } from 'picocolors/types.js';
import { duration, grouped, percent, significant, wholePercent } from '@prunegrid/core/text/figures';
import { oneLine } from '@prunegrid/core/text/printable';
import { residualParts, titleOf } from './lines.js';
import type { PhaseView, RunView } from './run-view.js';

/** The fewest characters of a bar. A shorter one says less than the percentage beside it. */
export const SHORTEST_BAR = 6;
const LONGEST_BAR = 60;

/**
 * Returns the part of a run's screen that is drawn over and over: the bars of the phase and of the whole run, the live
 * figures, and the latest residuals. No line is wider than `width` columns. A narrow terminal loses the bars first, and
 * then what stands last in a line.
 */
export function frame(view: RunView, width: number, colors: Colors): string[] {
  const { phase, live, residuals } = view;
  if (phase === null) return [];
  const left = view.secondsLeft();
  const share = phase.step / (phase.epochs * phase.stepsPerEpoch);
  const bars = [
    { title: phaseTitle(phase, view), share, after: '', paint: colors.cyan },
    {
      title: 'whole run',
      share: view.share,
      after: left === null ? '' : `${duration(left)} left`,
      paint: colors.green,
    },
  ];
  const titles = Math.max(...bars.map(({ title }) => title.length));
  const afters = Math.max(...bars.map(({ after }) => after.length));
  const lines = bars.map(({ title, share: done, after, paint }) => {
    const parts = [title.padEnd(titles), wholePercent(done).padStart('100 %'.length), after];
    const room = Math.min(LONGEST_BAR, width - titles - '  '.length - '  100 %'.length - '  '.length - afters);
    if (room < SHORTEST_BAR) return fit(parts, width);
    const [head, ...tail] = parts;
    return `${head}  ${bar(done, room, colors, paint)}  ${tail.join('  ').trimEnd()}`;
  });
  if (live !== null) {
    const { loss, accuracy, imagesPerSecond } = live;
    const rate = imagesPerSecond === undefined ? '' : `${grouped(imagesPerSecond)} images/s`;
    lines.push(
      fit([`loss ${significant(loss)}`, Number.isNaN(accuracy) ? '' : `accuracy ${percent(accuracy)}`, rate], width),
    );
  }
  if (residuals !== null && phase.name === 'prune') {
    const [first, ...rest] = residualParts(residuals.layers);
    lines.push(colors.dim(fit([`iteration ${residuals.iteration}: ${first}`, ...rest], width)));
  }
  return lines;
}

/** Returns the phase with the epoch that is under way, such as `dense 2/6`; of ADMM, with the iteration: `ADMM 3/16`. */
function phaseTitle({ name, epochs, stepsPerEpoch, step }: PhaseView, { spec }: RunView): string {
  const epochsEach = name === 'prune' && spec?.method === 'admm' ? spec.admm.epochsPerIteration : 1;
  const of = Math.ceil(epochs / epochsEach);
  const current = Math.min(of, Math.floor(step / (stepsPerEpoch * epochsEach)) + 1);
  return `${titleOf(name, spec)} ${current}/${of}`;
}

/** Returns a bar of `length` characters, of which `paint` colours the share that is done. */
export function bar(share: number, length: number, colors: Colors, paint: (text: string) => string): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * length);
  return paint('█'.repeat(full)) + colors.dim('░'.repeat(length - full));
}

/** Joins as many of the parts as there is room for. If there is none even for the first one, it is cut. */
function fit(parts: readonly string[], width: number): string {
  let line = '';
  for (const part of parts.map(oneLine).filter((text) => text !== '')) {
    const longer = line === '' ? part : `${line}   ${part}`;
    if (longer.length > width) break;
    line = longer;
  }
  return line === '' ? (parts[0] ?? '').slice(0, width) : line;
}

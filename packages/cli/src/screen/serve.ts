import { jsonLine, oneLine } from '@prunegrid/core/text/printable';
import pc from 'picocolors';

import type { Recorded } from '@prunegrid/coordinator/journal/encoding';
import type { ServedSweep } from '@prunegrid/coordinator/sweep/queue/server';
import { columns } from '@prunegrid/core/text/columns';
import { countsOf } from '@prunegrid/coordinator/report/condition';
import type { OpenSweep } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import type { ScreenOptions } from './index.js';
import { LiveRegion } from './live-region.js';
import { sweepLine } from './sweep-lines.js';
import { SweepView } from './sweep-view.js';

export interface ServeScreen {
  /** Shows an event that the sweep's state has taken in. */
  event: (sweep: ServedSweep & { open: OpenSweep }, record: Recorded<SweepEvent>) => void;
  /** Shows the sweeps of the queue as they are at this moment. */
  sweeps: (sweeps: readonly ServedSweep[]) => void;
  warn: (line: string) => void;
  /** Removes the live region and leaves only finished lines. */
  close: () => void;
}

/** Makes what the user sees of a server: what happens in its sweeps and, on a terminal, a table of them below. */
export function createServeScreen({ mode, stdout, stderr = stdout, colors: enabled }: ScreenOptions): ServeScreen {
  if (mode === 'json') {
    const write = (value: object) => void stdout.write(jsonLine(value));
    return {
      event: ({ folder, user }, record) => write({ folder, user, ...record }),
      sweeps() {},
      warn: (message) => write({ type: 'warning', message }),
      close() {},
    };
  }
  const colors = pc.createColors(enabled ?? pc.isColorSupported);
  const lineOf = sweepTeller();
  if (mode === 'plain') {
    return {
      event: (sweep, record) => void stdout.write(`${oneLine(lineOf(sweep, record))}\n`),
      sweeps() {},
      warn: (line) => void stderr.write(`${oneLine(line)}\n`),
      close() {},
    };
  }
  const region = new LiveRegion(stdout);
  let shown: readonly ServedSweep[] = [];
  const live = () => serveTable(shown).map((line) => oneLine(line).slice(0, region.width));
  const resized = () => region.redraw(live());
  stdout.on?.('resize', resized);
  return {
    event: (sweep, record) => region.draw([oneLine(lineOf(sweep, record))], live()),
    sweeps(sweeps) {
      shown = sweeps;
      region.draw([], live());
    },
    warn: (line) => region.draw([colors.yellow(oneLine(line))], live()),
    close() {
      stdout.off?.('resize', resized);
      region.draw([], []);
    },
  };
}

/** The largest number of waiting sweeps in the table. */
const QUEUED_ROWS = 8;

/**
 * Returns a line for each sweep, those at work first. It names the user, how the trials stand, and how many trainers are
 * at work.
 */
export function serveTable(sweeps: readonly ServedSweep[]): string[] {
  if (sweeps.length === 0) return ['the queue is empty'];
  const [placed, others] = [true, false].map((open) => sweeps.filter((sweep) => (sweep.open !== undefined) === open));
  const more = others.length - QUEUED_ROWS;
  return [
    ...columns([
      ['user', 'sweep', 'stands', 'trainers', 'folder'],
      null,
      ...[...placed, ...others.slice(0, QUEUED_ROWS)].map(({ user, name, status, open, state, folder }) => [
        user,
        name,
        [...(status === 'active' && state ? [] : [status]), ...(state ? [countsOf(state)] : [])].join(': '),
        open ? String(trainersAtWork(open.state)) : '-',
        folder,
      ]),
    ]),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

const trainersAtWork = ({ trials, dense }: SweepState): number =>
  [...trials.values(), ...dense.values()].reduce((sum, { trainers }) => sum + trainers.length, 0);

/** Returns a function that describes an event of one sweep among many in a line. */
function sweepTeller() {
  const told = new WeakMap<SweepState, { view: SweepView; begun: Map<string, number> }>();
  return ({ user, name, folder, open }: ServedSweep & { open: OpenSweep }, record: Recorded<SweepEvent>): string => {
    const { state, plan } = open;
    const { view, begun } = told.get(state) ?? { view: new SweepView(plan, state), begun: new Map<string, number>() };
    told.set(state, { view, begun });
    view.event(record);
    switch (record.type) {
      case 'sweep-started':
      case 'sweep-resumed':
        // The line names the sweep itself.
        return `${user}/${sweepLine(record, view, begun)}, in ${folder}`;
      case 'sweep-finished':
        return `${user}/${name}: ended: ${countsOf(state)}`;
      case 'sweep-interrupted':
        return `${user}/${name}: interrupted, ${countsOf(state)}: ${record.reason}`;
      default:
        return `${user}/${name}: ${sweepLine(record, view, begun)}`;
    }
  };
}

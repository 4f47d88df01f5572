import pc from 'picocolors';

import type { Recorded } from '@prunegrid/coordinator/journal/encoding';
import { duration, wholePercent } from '@prunegrid/core/text/figures';
import { jsonLine, oneLine } from '@prunegrid/core/text/printable';
import { countsOf } from '@prunegrid/coordinator/report/condition';
import type { SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import type { Job } from '@prunegrid/coordinator/sweep/scheduler/job';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import { type ScreenOptions, SILENCE_MS } from './index.js';
import { LiveRegion } from './live-region.js';
import { sweepFrame } from './sweep-frame.js';
import { sweepLine } from './sweep-lines.js';
import { type ShownProgress, SweepView } from './sweep-view.js';

export interface SweepScreen {
  /** Takes in an earlier event that the state has already taken in, without showing it. */
  recall: (record: Recorded<SweepEvent>) => void;
  /** Shows an event that the state has taken in. */
  event: (record: Recorded<SweepEvent>) => void;
  progress: (work: Job, progress: ShownProgress) => void;
  /** Shows one line that is no part of the sweep. */
  warn: (line: string) => void;
  /** Removes the live region and leaves only finished lines. */
  close: () => void;
}

export interface SweepScreenOptions extends ScreenOptions {
  plan: SweepPlan;
  state: SweepState;
}

/** The shortest time between two drawings of the live region, in milliseconds. */
const DRAW_MS = 200;

/** Makes what the user sees of a sweep while it is running. */
export function createSweepScreen(options: SweepScreenOptions): SweepScreen {
  const { mode, stdout, stderr = stdout, plan, state, now } = options;
  const view = new SweepView(plan, state);
  const begun = new Map<string, number>();
  const recall = (record: Recorded<SweepEvent>) => {
    view.event(record);
    // The line of a job's start is not shown, but that of its end says how long ago it was.
    sweepLine(record, view, begun);
  };
  let open = true;
  if (mode === 'json') {
    const write = (value: object) => void (open && stdout.write(jsonLine(value)));
    return {
      recall() {},
      event: write,
      progress() {},
      warn: (message) => write({ type: 'warning', message }),
      close: () => (open = false),
    };
  }
  if (mode === 'plain') {
    let toldAt = now();
    const tell = (line: string) => {
      if (open) stdout.write(`${line}\n`);
      toldAt = now();
    };
    return {
      recall,
      event(record) {
        view.event(record);
        const line = sweepLine(record, view, begun);
        const done = /^trial-(finished|stopped)$/.test(record.type) ? `; ${wholeOf(view)}` : '';
        if (line !== null) tell(`${oneLine(line)}${done}`);
      },
      progress(work, progress) {
        view.progress(work, progress, now());
        if (now() - toldAt >= SILENCE_MS) tell(`${oneLine(plan.name)}: ${wholeOf(view)}`);
      },
      warn: (line) => void (open && stderr.write(`${oneLine(line)}\n`)),
      close: () => (open = false),
    };
  }
  const colors = pc.createColors(options.colors ?? pc.isColorSupported);
  const region = new LiveRegion(stdout);
  const live = () => sweepFrame(view, region, colors);
  const resized = () => region.redraw(live());
  stdout.on?.('resize', resized);
  let drawnAt = 0;
  return {
    recall,
    event(record) {
      view.event(record);
      const line = sweepLine(record, view, begun);
      if (open) region.draw(line === null ? [] : [oneLine(line)], live());
    },
    progress(work, progress) {
      view.progress(work, progress, now());
      if (!open || now() - drawnAt < DRAW_MS) return;
      drawnAt = now();
      region.draw([], live());
    },
    warn: (line) => void (open && region.draw([colors.yellow(oneLine(line))], live())),
    close() {
      if (!open) return;
      open = false;
      stdout.off?.('resize', resized);
      region.draw([], []);
    },
  };
}

const wholeOf = (view: SweepView): string => {
  const left = view.secondsLeft;
  return `${countsOf(view.state)}, ${wholePercent(view.share)} done${left === null ? '' : `, ${duration(left)} left`}`;
};

import pc from 'picocolors';

import type { Recorded } from '@prunegrid/coordinator/journal/encoding';
import { duration, wholePercent } from '@prunegrid/core/text/figures';
import { countsOf } from '@prunegrid/coordinator/report/condition';
import type { SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import type { Job } from '@prunegrid/coordinator/sweep/scheduler/job';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import { oneLine, type ScreenOptions } from './index.js';
import { LiveRegion } from './live-region.js';
import type { Progress } from '../api/run.js';
import { sweepFrame } from './sweep-frame.js';
import { sweepLine } from './sweep-lines.js';
import { SweepView } from './sweep-view.js';

export interface SweepScreen {
  /** Shows an event that the state has taken in. */
  event: (record: Recorded<SweepEvent>) => void;
  progress: (work: Job, progress: Progress) => void;
  /** Shows one line that is no part of the sweep. */
  warn: (line: string) => void;
  /** Removes the live region and leaves only finished lines. */
  close: () => void;
}

export interface SweepScreenOptions extends ScreenOptions {
  plan: SweepPlan;
  state: SweepState;
  /** Gives the number of a network's weights, without its biases. */
  weights: (model: string) => number;
}

/** The screen's table is drawn at most this often, in milliseconds. */
const DRAW_MS = 200;

/** What the user sees of a sweep while it is running. */
export function createSweepScreen(options: SweepScreenOptions): SweepScreen {
  const { mode, stdout, stderr = stdout, plan, state, now } = options;
  const view = new SweepView(plan, state);
  const begun = new Map<string, number>();
  let open = true;
  if (mode === 'json') {
    const write = (value: object) => void (open && stdout.write(`${JSON.stringify(value)}\n`));
    return {
      event: write,
      progress() {},
      warn: (message) => write({ type: 'warning', message }),
      close: () => (open = false),
    };
  }
  if (mode === 'plain') {
    return {
      event(record) {
        view.event(record);
        const line = sweepLine(record, view, begun);
        const done = /^trial-(finished|stopped)$/.test(record.type) ? `; ${wholeOf(view)}` : '';
        if (open && line !== null) stdout.write(`${oneLine(line)}${done}\n`);
      },
      progress: (work, progress) => view.progress(work, progress, now()),
      warn: (line) => void (open && stderr.write(`${oneLine(line)}\n`)),
      close: () => (open = false),
    };
  }
  const colors = pc.createColors(options.colors ?? pc.isColorSupported);
  const region = new LiveRegion(stdout);
  const live = () => sweepFrame(view, options.weights, region, colors);
  const resized = () => region.redraw(live());
  stdout.on?.('resize', resized);
  let drawnAt = 0;
  return {
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

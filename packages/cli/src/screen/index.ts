import { jsonLine, oneLine } from '@prunegrid/core/text/printable';
import pc from 'picocolors';
import type { JournalRecord, RunEvent } from '@prunegrid/coordinator/training/records';
import { frame } from './frame.js';
import { linesOf, progressLine } from './lines.js';
import { LiveRegion, type Terminal } from './live-region.js';
import type { Progress } from '../api/run.js';
import { RunView } from './run-view.js';

export type { Terminal } from './live-region.js';

/**
 * How a screen shows a run:
 *
 * - `tty` shows finished lines, and bars below them.
 * - `plain` writes a line for each epoch, iteration and phase, and during long epochs.
 * - `json` writes a line of JSON for each event.
 */
export type ScreenMode = 'tty' | 'plain' | 'json';

/** After so many milliseconds without a line, the mode `plain` writes how far the work has come. */
export const SILENCE_MS = 30_000;

export interface Screen {
  /** Takes in what happened earlier, without showing it. */
  recall: (records: readonly JournalRecord[]) => void;
  event: (event: RunEvent) => void;
  progress: (progress: Progress) => void;
  /** Shows one line that is no part of the run, such as that MLflow does not answer. */
  warn: (line: string) => void;
  /** Removes everything but the finished lines. Later calls do nothing. */
  close: () => void;
}

export interface ScreenOptions {
  mode: ScreenMode;
  stdout: Terminal;
  /** The stream to which the mode `plain` writes warnings. The default is `stdout`. */
  stderr?: Pick<Terminal, 'write'>;
  /** Whether the mode `tty` may use colours. By default it does if the terminal has them and NO_COLOR is not set. */
  colors?: boolean;
  /** Returns the time in Unix milliseconds. */
  now: () => number;
}

/** Returns the mode that suits the output: bars on a terminal that can move its cursor, and lines elsewhere. */
export function screenMode(options: {
  json: boolean;
  isTTY: boolean | undefined;
  term: string | undefined;
}): ScreenMode {
  if (options.json) return 'json';
  return options.isTTY === true && options.term !== 'dumb' ? 'tty' : 'plain';
}

/** Makes what the user sees of a run. It knows only what its methods are told. */
export function createScreen(options: ScreenOptions): Screen {
  switch (options.mode) {
    case 'tty':
      return ttyScreen(options);
    case 'plain':
      return plainScreen(options);
    case 'json':
      return jsonScreen(options);
  }
}

function ttyScreen({ stdout, colors: enabled = pc.isColorSupported, now }: ScreenOptions): Screen {
  const colors = pc.createColors(enabled);
  const view = new RunView();
  const region = new LiveRegion(stdout);
  const live = (): string[] => frame(view, region.width, colors);
  const resized = (): void => region.redraw(live());
  let open = true;
  stdout.on?.('resize', resized);

  return {
    recall: (records) => records.forEach((record) => view.event(record, record.time)),
    event(event) {
      if (!open) return;
      const time = now();
      view.event(event, time);
      const milestones = linesOf(event, view, time).filter(({ kind }) => kind === 'milestone');
      region.draw(
        milestones.map(({ text }) => oneLine(text)),
        live(),
      );
    },
    progress(progress) {
      if (!open) return;
      view.progress(progress, now());
      region.draw([], live());
    },
    warn(line) {
      if (open) region.draw([colors.yellow(oneLine(line))], live());
    },
    close() {
      if (!open) return;
      open = false;
      stdout.off?.('resize', resized);
      region.draw([], []);
    },
  };
}

function plainScreen({ stdout, stderr = stdout, now }: ScreenOptions): Screen {
  const view = new RunView();
  let open = true;
  let toldAt = now();
  const tell = (line: string): void => {
    stdout.write(`${oneLine(line)}\n`);
    toldAt = now();
  };
  return {
    recall: (records) => records.forEach((record) => view.event(record, record.time)),
    event(event) {
      if (!open) return;
      const time = now();
      view.event(event, time);
      for (const { text } of linesOf(event, view, time)) tell(text);
    },
    progress(progress) {
      if (!open) return;
      view.progress(progress, now());
      if (now() - toldAt >= SILENCE_MS) tell(progressLine(view));
    },
    warn(line) {
      if (open) stderr.write(`${oneLine(line)}\n`);
    },
    close() {
      open = false;
    },
  };
}

function jsonScreen({ stdout }: ScreenOptions): Screen {
  let open = true;
  const write = (value: RunEvent | { type: 'warning'; message: string }): void => {
    if (open) stdout.write(jsonLine(value));
  };
  return {
    recall() {},
    event: write,
    progress() {},
    warn(message) {
      write({ type: 'warning', message });
    },
    close() {
      open = false;
    },
  };
}

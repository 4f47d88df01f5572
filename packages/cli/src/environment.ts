import type { ApiContext, Notices } from './api/context.js';
import { printable } from '@prunegrid/core/text/printable';
import type { Interruption } from './interruption.js';
import type { Terminal } from './screen/live-region.js';
import { type ScreenMode, screenMode } from './screen/index.js';

/** The standard output or standard error. */
export interface OutputStream extends Terminal {
  readonly isTTY: boolean;
  /** Whether the reader has closed the stream. Nothing is written after that. */
  readonly closed: boolean;
}

/** What a command may use: the machine, and the terminal or script from which it was started. */
export interface CommandEnvironment extends ApiContext {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** The path of the program's file, from which it can be started again as another process. */
  readonly program: string;
  /**
   * Returns the signals that ask the process to end. They have their usual effect until `listen` is called.
   * @param remedy the end of the line that the user is shown: how the work can be resumed
   */
  interruption(remedy: string): Interruption;
  /** Makes SIGTERM abort the signal that is returned, instead of ending the process. */
  termination(): AbortSignal;
  /** From this call on, the process ends at once if the npm or npx that started it ends. */
  exitWithWrapper(): void;
}

/** Writes one or several lines to standard output. What would act on a terminal is shown instead. */
export const print = ({ stdout }: CommandEnvironment, text: string): void => void stdout.write(`${printable(text)}\n`);

/** Writes a line for the user to standard error. What would act on a terminal is shown instead. */
export const complain = ({ stderr }: CommandEnvironment, line: string): void =>
  void stderr.write(`${printable(line)}\n`);

/** Returns the callbacks of a command without a screen, which write to standard error. */
export const noticesTo = (environment: CommandEnvironment): Required<Notices> => ({
  onInstall: (line) => complain(environment, line),
  onWarning: (line) => complain(environment, `prunegrid: ${line}`),
});

/** Returns the options that every screen needs. */
export function screenOptions(
  { stdout, stderr, variables, runtime }: CommandEnvironment,
  json: boolean,
): { mode: ScreenMode; stdout: OutputStream; stderr: OutputStream; now: () => number } {
  return {
    mode: screenMode({ json, isTTY: stdout.isTTY, term: variables['TERM'] }),
    stdout,
    stderr,
    now: () => runtime.clock.now(),
  };
}

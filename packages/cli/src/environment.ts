import type { ApiContext } from './api/context.js';
import type { Interruption } from './interruption.js';
import type { Terminal } from './screen/live-region.js';
import { type ScreenMode, screenMode } from './screen/index.js';

/** Standard output or standard error. */
export interface OutputStream extends Terminal {
  readonly isTTY: boolean;
  /** Whether its reader has gone away, so that nothing more is written. */
  readonly closed: boolean;
}

/** What a command has at its disposal: the machine, and the terminal or the script that it was started from. */
export interface CommandEnvironment extends ApiContext {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** The program's own file, to start it again as another process. */
  readonly program: string;
  /**
   * The signals by which the process may be asked to end. They have their usual effect until `listen` is called.
   * @param remedy the end of the line that the user is shown: how the work can be resumed
   */
  interruption(remedy: string): Interruption;
}

/** Writes a line, or several, to standard output. */
export const print = ({ stdout }: CommandEnvironment, text: string): void => void stdout.write(`${text}\n`);

/** Writes a line for the user to standard error. */
export const complain = ({ stderr }: CommandEnvironment, line: string): void => void stderr.write(`${line}\n`);

/** What every screen needs. */
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

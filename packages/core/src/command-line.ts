import { Failure } from './failure.js';
import { refusalOf } from './files/index.js';
import { printable } from './text/printable.js';

/**
 * Runs a command to its end and sets the process's exit code. An expected failure is printed on standard error, one
 * line for each problem, without a stack trace; what would act on a terminal is shown instead. A path that the file
 * system refuses is an expected failure, wherever that is noticed. A wrong flag (an error whose `code` begins with
 * `commander.`, which its parser has already explained) sets the exit code 2. Every other error is a fault of prunegrid
 * and is thrown again.
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    const { code, exitCode } = error as { code?: unknown; exitCode?: number };
    if (typeof code === 'string' && code.startsWith('commander.')) {
      process.exitCode = exitCode === 0 ? 0 : new Failure('input', '').exitCode;
      return;
    }
    const failure = error instanceof Failure ? error : refusalOf(error);
    if (!failure) throw error;
    console.error(printable(failure.message).replaceAll(/^/gm, 'prunegrid: '));
    process.exitCode = failure.exitCode;
  }
}

import { Failure } from './failure.js';

/**
 * Runs a command to its end and sets the process's exit code. An expected failure becomes one line for each of its
 * problems on standard error, without a stack trace. A wrong flag (an error whose `code` begins with `commander.`,
 * which its parser has already explained) exits with 2. Anything else is a fault of prunegrid's and is thrown on.
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    const { code, exitCode } = error as { code?: unknown; exitCode?: number };
    if (typeof code === 'string' && code.startsWith('commander.')) {
      process.exitCode = exitCode === 0 ? 0 : new Failure('input', '').exitCode;
    } else if (error instanceof Failure) {
      console.error(error.message.replaceAll(/^/gm, 'prunegrid: '));
      process.exitCode = error.exitCode;
    } else throw error;
  }
}

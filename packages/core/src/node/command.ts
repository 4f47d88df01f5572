import { spawn } from 'node:child_process';
import { Failure } from '../failure.js';

/**
 * The outcome of a command: it is not on the PATH, or it ended with an exit status (null if it was killed) and an
 * output.
 */
export type Outcome =
  { readonly state: 'absent' } | { readonly state: 'ended'; readonly status: number | null; readonly output: string };

export interface CommandEnvironment {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** The number of characters of a command's output that are kept. It suffices for the error at the end. */
const keptOutput = 64 * 1024;

/**
 * Runs a command with an empty standard input, and waits for its end.
 * @throws {Failure} `interrupted` if the signal aborts; the command is killed
 */
export function run(command: string, args: readonly string[], { env, signal }: CommandEnvironment): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk: string) => {
      output = (output + chunk).slice(-keptOutput);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    let failed: NodeJS.ErrnoException | undefined;
    child.on('error', (error) => {
      failed = error;
      // A child process that could not be started emits no 'close' event.
      if (child.pid === undefined) settle(null);
    });
    // The event is 'close' and not 'error', because an aborted child can write to its folder until it has ended.
    child.on('close', settle);
    function settle(status: number | null) {
      if (signal?.aborted) reject(interrupted());
      else if (failed?.code === 'ENOENT' || failed?.code === 'EACCES') resolve({ state: 'absent' });
      else if (failed) reject(failed);
      else resolve({ state: 'ended', status, output });
    }
  });
}

export function interrupted(): Failure {
  return new Failure('interrupted', 'Interrupted while the engine was being prepared; run the same command to go on.');
}

/** Returns the last line that is not empty. */
export function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1)!.trim() || 'it printed nothing';
}

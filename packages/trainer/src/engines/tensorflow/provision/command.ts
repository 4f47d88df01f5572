import { spawn } from 'node:child_process';
import { Failure } from '@prunegrid/core/failure';

/** How a command went: not on the PATH, or ended with an exit status (null: killed) and what it printed. */
export type Outcome =
  { readonly state: 'absent' } | { readonly state: 'ended'; readonly status: number | null; readonly output: string };

export interface CommandEnvironment {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** As much of a command's output as is kept, in characters: enough for the error at its end. */
const keptOutput = 64 * 1024;

/**
 * Runs a command to its end with nothing on its standard input.
 * @throws {Failure} `interrupted` when the signal fires; the command is killed.
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
      // A child that never started closes nothing.
      if (child.pid === undefined) settle(null);
    });
    // On 'close', not on 'error': an aborted child may write into its folder until it is really gone.
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

/** The last line that says something. */
export function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1)!.trim() || 'it printed nothing';
}

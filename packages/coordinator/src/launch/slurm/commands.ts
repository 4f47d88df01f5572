import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';

import { EngineSilent } from '../polling.js';
import { WITHHELD } from '../trainer-command.js';
import { type TaskState, tasksOf } from './states.js';

/** What the client's programs print if the controller cannot be asked, or gives no answer that they understand. */
const SILENT =
  /unable to contact|unable to establish|socket timed out|connection refused|connection reset|zero bytes|slurm_load|timed out|not responding|slow to respond|temporarily unable|in standby mode/i;

/** Slurm's commands. Each rejects with EngineSilent if it may succeed later, and otherwise with a Failure. */
export class Slurm {
  constructor(private readonly host: Pick<Host, 'processes'>) {}

  /**
   * Submits a script and returns the id of its job.
   * @param options further options of sbatch, which come before those of the script
   */
  async submit(script: string, options: readonly string[]): Promise<string> {
    const output = await this.run('sbatch', ['--parsable', ...options, script]);
    // The cluster's name may follow.
    const id = output.trim().split(';')[0];
    if (/^\d+$/.test(id)) return id;
    throw new Failure('environment', `sbatch: has answered ${JSON.stringify(id)} instead of a job's number`);
  }

  /** Returns how all jobs of the cluster stand. Versions differ in which jobs squeue leaves out, so the caller chooses. */
  async tasks(): Promise<TaskState[]> {
    const output = await this.run('squeue', ['--json']);
    try {
      return tasksOf(output);
    } catch (error) {
      if (error instanceof EngineSilent) throw error;
      throw new EngineSilent('squeue --json has printed something else than jobs', { cause: error });
    }
  }

  /** Returns the id of the job that was submitted with this note as its comment; undefined if there is none. */
  async jobOf(note: string): Promise<string | undefined> {
    return (await this.tasks()).find(({ comment }) => comment === note)?.job;
  }

  /** Ends jobs, waiting ones included. Jobs that are not there any more do not matter. */
  async cancel(jobs: readonly string[]): Promise<void> {
    if (jobs.length > 0) await this.run('scancel', ['--quiet', ...jobs]);
  }

  private async run(command: string, args: readonly string[]): Promise<string> {
    try {
      return await this.host.processes.run(command, args, '.', { env: WITHHELD });
    } catch (cause) {
      const { code, stderr = '', message } = cause as { code?: unknown; stderr?: string; message: string };
      if (code === 'ENOENT') {
        throw new Failure(
          'environment',
          `${command}: is not installed on this machine: start prunegrid where Slurm is`,
        );
      }
      const lines = stderr.split('\n').filter((line) => line.trim() !== '');
      // The last line says what came of it.
      const reason = (lines.at(-1) ?? message).replace(/^\w+: (error: )?/, '');
      if (SILENT.test(stderr)) throw new EngineSilent(`${command}: ${reason}`, { cause });
      throw new Failure('environment', `${command}: ${reason}`, { cause });
    }
  }
}

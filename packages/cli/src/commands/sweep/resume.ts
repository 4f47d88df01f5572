import { resumeSweep } from '../../api/sweep.js';
import type { CommandEnvironment } from '../../environment.js';
import { showSweep, type SweepCommandOptions } from './show-sweep.js';

export interface SweepResumeOptions extends SweepCommandOptions {
  failed: boolean;
  extend: boolean;
}

/**
 * `prunegrid sweep resume`: runs the trials that have not finished, or with `failed` only the trials that have failed.
 * Throws Failure.
 */
export async function sweepResume(
  folder: string,
  { failed, extend, ...options }: SweepResumeOptions,
  environment: CommandEnvironment,
): Promise<void> {
  await showSweep(folder, options, environment, (follow) =>
    resumeSweep(folder, { failed, extend, ...follow }, environment),
  );
}

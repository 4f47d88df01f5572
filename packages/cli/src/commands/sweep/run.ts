import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';

import { planSweep, runSweep, sweepFolderOf } from '../../api/sweep.js';
import type { CommandEnvironment } from '../../environment.js';
import { showSweep, type SweepCommandOptions } from './show-sweep.js';

export interface SweepRunOptions extends SweepCommandOptions, SweepOverrides {
  out?: string;
}

/** `prunegrid sweep run`. Throws Failure; the sweep's folder then says how far it has come. */
export async function sweepRun(
  file: string,
  { set, seeds, out, ...options }: SweepRunOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const overrides = { ...(set && { set }), ...(seeds !== undefined && { seeds }) };
  const sweep = await planSweep(file, overrides, environment);
  const folder = out ?? sweepFolderOf(sweep.plan, environment.runtime.clock.now());
  await showSweep(folder, options, environment, (follow) => runSweep(sweep, { folder, ...follow }, environment));
}

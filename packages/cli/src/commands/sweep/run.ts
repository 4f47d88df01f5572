import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';

import { claimSweepFolder, planSweep, runSweep } from '../../api/sweep.js';
import type { CommandEnvironment } from '../../environment.js';
import { showSweep, type SweepCommandOptions } from './show-sweep.js';

export interface SweepRunOptions extends SweepCommandOptions, SweepOverrides {
  out?: string;
}

/** `prunegrid sweep run`: runs a sweep. Throws Failure; the sweep's folder then records how far the sweep has come. */
export async function sweepRun(
  file: string,
  { set, seeds, out, ...options }: SweepRunOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const overrides = { ...(set && { set }), ...(seeds !== undefined && { seeds }) };
  const sweep = await planSweep(file, overrides, environment);
  const folder = out ?? (await claimSweepFolder(environment.runtime, sweep.plan));
  await showSweep(folder, options, environment, (follow) => runSweep(sweep, { folder, ...follow }, environment));
}

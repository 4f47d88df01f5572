import { randomUUID } from 'node:crypto';
import { join, relative, resolve } from 'node:path';

import { requireTrainers } from '@prunegrid/coordinator/launch/trainers';
import { createSweepFolder, lockSweep } from '@prunegrid/coordinator/sweep/folder';
import { planSweep, type SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepManifest, SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import { requireTracking } from '@prunegrid/coordinator/tracking/address';
import { describeInvocation } from '@prunegrid/coordinator/training/manifest';
import { version } from '@prunegrid/core/version';
import { requireEngines } from '../engines.js';
import { catalogue } from './catalogue.js';
import { runSweepWithScreen, type SweepCommandOptions } from './run-sweep.js';

export interface SweepRunOptions extends SweepCommandOptions, SweepOverrides {
  out?: string;
}

/** `prunegrid sweep run`. Throws Failure; the sweep's folder then says how far it came. */
export async function sweepRun(file: string, options: SweepRunOptions): Promise<void> {
  requireTrainers(options);
  requireTracking(options.mlflow);
  const overrides = { ...(options.set && { set: options.set }), ...(options.seeds && { seeds: options.seeds }) };
  const plan = await planSweep(file, catalogue, overrides);
  await requireEngines(plan.trials.map(({ spec }) => spec.engine));
  const folder = resolve(options.out ?? defaultSweepFolder(plan.name));
  const sweep = { manifest: await describeSweep(file, plan, overrides), plan };
  await createSweepFolder(folder, sweep);
  const lock = await lockSweep(folder);
  try {
    await runSweepWithScreen(folder, sweep, options, { type: 'sweep-started', manifest: sweep.manifest });
  } finally {
    await lock.release();
  }
}

/** Seen from the working folder. */
export const defaultSweepFolder = (name: string): string =>
  join('sweeps', `${name}-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}`);

export async function describeSweep(file: string, plan: SweepPlan, overrides: SweepOverrides): Promise<SweepManifest> {
  return {
    runId: randomUUID(),
    name: plan.name,
    file: relative('', file),
    base: plan.base,
    overrides,
    versions: { prunegrid: version, node: process.version },
    cells: new Set(plan.trials.map(({ cell }) => cell)).size,
    trials: plan.trials.length,
    axes: [...new Set(plan.trials.flatMap(({ settings }) => Object.keys(settings)))],
    ...(await describeInvocation()),
  };
}

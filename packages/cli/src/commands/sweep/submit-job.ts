import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import { requireTrainers } from '@prunegrid/coordinator/launch/trainers';
import { createSweepFolder } from '@prunegrid/coordinator/sweep/folder';
import type { SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import { join, resolve } from 'node:path';

import { trainerChoice } from '../../api/defaults.js';
import { claimSweepFolder, describeSweep, type PlannedSweep } from '../../api/sweep.js';
import { type CommandEnvironment, print } from '../../environment.js';
import type { SweepRunOptions } from './run.js';

export interface SweepSubmitOptions extends SweepRunOptions {
  launch?: string;
  /** Whether the scripts are shown and nothing is submitted. */
  print: boolean;
}

/** Flags whose values the sweep's folder keeps, and those of `submit` alone. */
const kept = ['--set', '--seeds', '--print'];

/** Returns the launcher of a sweep and its keys if it has jobs for coordinators. Throws Failure `input`. */
export function coordinatorsOf(plan: SweepPlan, launch: string | undefined) {
  const { launcher, keys } = chooseLauncher(launchers, plan, launch);
  return launcher.coordinators && { launcher, keys, coordinators: launcher.coordinators };
}

/**
 * `prunegrid sweep submit` with a launcher that has jobs for coordinators: makes the sweep's folder and submits a
 * coordinator that resumes the sweep, in its first turn as in every other one. Throws Failure.
 */
export async function sweepSubmitJob(
  sweep: PlannedSweep,
  { launcher, keys, coordinators }: NonNullable<ReturnType<typeof coordinatorsOf>>,
  { out, json, print: printOnly, ...options }: SweepSubmitOptions,
  flags: readonly string[],
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime, program } = environment;
  const { plan } = sweep;
  const choice = trainerChoice(options);
  requireTrainers(choice, launcher);
  const place = out ?? (printOnly ? join('sweeps', plan.name) : await claimSweepFolder(runtime, plan));
  const folder = resolve(place);
  const request = {
    ...{ name: plan.name, trainers: choice.trainers, extensions: choice.extensions, keys },
    resources: { threads: Math.max(...plan.trials.map(({ spec }) => spec.threadsPerTrainer)) },
    folder: join(folder, 'launch'),
    log: join(folder, 'log.txt'),
    command: [runtime.processes.node, program, 'sweep', 'resume', folder, ...without(flags, kept)],
  };
  if (printOnly) return print(environment, coordinators.print(runtime, request).trimEnd());
  const manifest = await describeSweep(sweep, choice.extensions, environment);
  await createSweepFolder(runtime, folder, { manifest, plan });
  const { job, end } = await coordinators.submit(runtime, request).catch(async (error: unknown) => {
    // Without this, the same command would fail the next time because the folder is taken.
    await runtime.files.remove(join(folder, 'sweep.json'));
    await runtime.files.remove(request.folder);
    throw error;
  });
  if (json) return print(environment, JSON.stringify({ folder: place, job }));
  print(environment, `${plan.name}: ${job}, in ${place}`);
  print(environment, `Watch it: prunegrid sweep watch ${place}; end it: ${end}`);
}

/** Returns flags without those that are named, and their values. */
const without = (flags: readonly string[], names: readonly string[]): string[] =>
  flags.filter((flag, i) => !names.includes(flag) && (flag.startsWith('--') || !names.includes(flags[i - 1] ?? '')));

import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import { requireTrainers } from '@prunegrid/coordinator/launch/trainers';
import { createSweepFolder, SWEEP_FILE } from '@prunegrid/coordinator/sweep/folder';
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

/** Flags whose values the sweep's folder keeps. */
const kept = ['--set', '--seeds'];

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
  const { elsewhere = false } = coordinators;
  const place = out ?? (printOnly || elsewhere ? join('sweeps', plan.name) : await claimSweepFolder(runtime, plan));
  const folder = resolve(place);
  const described = await Promise.all(
    [sweep.file, plan.base].map(async (path) => ({
      path: resolve(path),
      text: (await runtime.files.read(path)).toString('utf8'),
    })),
  );
  const request = {
    ...{ name: plan.name, trainers: choice.trainers, extensions: choice.extensions, keys },
    resources: { threads: Math.max(...plan.trials.map(({ spec }) => spec.threadsPerTrainer)) },
    ...{ home: folder, folder: join(folder, 'launch'), log: join(folder, 'log.txt') },
    program: [runtime.processes.node, program],
    resume: (home: string) => ['sweep', 'resume', home, ...without(flags, [...kept, '--print'])],
    afresh: {
      files: described,
      begin: (file: string, home: string) => ['sweep', 'run', file, '--out', home, ...without(flags, ['--print'])],
      begun: SWEEP_FILE,
    },
  };
  if (printOnly) return print(environment, coordinators.print(runtime, request).trimEnd());
  if (!elsewhere) {
    const manifest = await describeSweep(sweep, choice.extensions, environment);
    await createSweepFolder(runtime, folder, { manifest, plan });
  }
  const { job, end, follow } = await coordinators.submit(runtime, request).catch(async (error: unknown) => {
    if (!elsewhere) {
      // Without this, the same command would fail the next time because the folder is taken.
      await runtime.files.remove(join(folder, SWEEP_FILE));
      await runtime.files.remove(request.folder);
    }
    throw error;
  });
  if (json) return print(environment, JSON.stringify({ ...(!elsewhere && { folder: place }), job }));
  print(environment, `${plan.name}: ${job}${elsewhere ? '' : `, in ${place}`}`);
  print(environment, `Watch it: ${follow ?? `prunegrid sweep watch ${place}`}; end it: ${end}`);
}

/** Returns flags without those that are named, and their values. */
const without = (flags: readonly string[], names: readonly string[]): string[] =>
  flags.filter((flag, i) => !names.includes(flag) && (flag.startsWith('--') || !names.includes(flags[i - 1] ?? '')));

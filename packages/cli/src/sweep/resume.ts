import { Failure } from '@prunegrid/core/failure';
import { resolve } from 'node:path';

import { requireTrainers } from '@prunegrid/coordinator/launch/trainers';
import { lockSweep, readSweep, writeSweepFile } from '@prunegrid/coordinator/sweep/folder';
import { queuedAt } from '@prunegrid/coordinator/sweep/queue/folder';
import { beginning } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import { reconcile } from '@prunegrid/coordinator/sweep/planner/resume';
import { requireTracking } from '@prunegrid/coordinator/tracking/address';
import { requireEngines } from '../engines.js';
import { catalogue } from './catalogue.js';
import { runSweepWithScreen, type SweepCommandOptions } from './run-sweep.js';

export interface SweepResumeOptions extends SweepCommandOptions {
  failed: boolean;
  extend: boolean;
}

/**
 * `prunegrid sweep resume`: finishes what is unfinished, or with `failed` tries those trials again that have failed, and no others. Throws Failure, also where the sweep's file was edited since.
 */
export async function sweepResume(place: string, options: SweepResumeOptions): Promise<void> {
  requireTrainers(options);
  requireTracking(options.mlflow);
  const folder = resolve(place);
  const { manifest, plan: before, state } = await readSweep(folder);
  if (manifest.queue && (await queuedAt(manifest.queue))) throw inQueue(place, manifest.queue.folder);
  const lock = await lockSweep(folder);
  try {
    const { extend, failed } = options;
    const now = await planSweep(manifest.file, catalogue, manifest.overrides);
    const plan = reconcile(before, now, { file: manifest.file, folder: place, extend });
    const again = failed
      ? before.trials.map(({ number }) => number).filter((number) => state.trials.get(number)?.status === 'failed')
      : [];
    const added = plan.trials.length - before.trials.length;
    const waiting = state.count('waiting') + state.count('running') + added;
    if (failed ? again.length === 0 : waiting === 0) throw nothingToDo(place, state.count('failed'), failed);
    await requireEngines(plan.trials.map(({ spec }) => spec.engine));
    const sweep = { manifest: { ...manifest, trials: plan.trials.length }, plan };
    if (added > 0) await writeSweepFile(folder, sweep);
    await runSweepWithScreen(
      folder,
      sweep,
      options,
      beginning({ ...sweep, state }, { again, added }),
      failed ? new Set(again) : undefined,
    );
  } finally {
    await lock.release();
  }
}

const inQueue = (place: string, queue: string): Failure =>
  new Failure(
    'input',
    `${place}: is in the queue ${queue}, whose server goes on with it: take it out first with prunegrid sweep cancel ${place}`,
  );

function nothingToDo(place: string, failures: number, failed: boolean): Failure {
  if (failed) return new Failure('input', `${place}: no trial has failed`);
  const remedy = failures > 0 ? `; try the ${failures} that failed again with --failed` : '; add to it with --extend';
  return new Failure('input', `${place}: every trial has ended already${remedy}`);
}

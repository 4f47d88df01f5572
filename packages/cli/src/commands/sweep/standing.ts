import { conditionOf } from '@prunegrid/coordinator/report/condition';
import { bestOfEachSparsity, sweepTable } from '@prunegrid/coordinator/report/sweep/table';
import { type ReadSweep, readSweep } from '@prunegrid/coordinator/sweep/folder';
import { progressOf, type JobProgress } from '@prunegrid/coordinator/sweep/progress';
import { queuedAt } from '@prunegrid/coordinator/sweep/queue/folder';
import type { Host } from '@prunegrid/core/runtime';
import { resolve } from 'node:path';

/** The current state of a sweep. */
export interface StandingSweep extends ReadSweep {
  /** Its place in the queue in which it waits; absent if it is in no queue. */
  queued?: { served: boolean };
  /** The progress of the jobs that are running. */
  progress: readonly JobProgress[];
}

/** Reads the current state of a sweep. Throws Failure if the folder holds none. */
export async function readStanding(runtime: Host, place: string): Promise<StandingSweep> {
  const folder = resolve(place);
  const sweep = await readSweep(runtime, folder);
  const queued = await queuedAt(runtime, sweep.manifest.queue);
  return {
    ...sweep,
    ...(queued && { queued }),
    progress: sweep.live ? await progressOf(runtime, folder, sweep.state) : [],
  };
}

/** Returns the current state of a sweep as data for programs. */
export function summaryOf(folder: string, sweep: StandingSweep): object {
  const { plan, state, manifest, progress } = sweep;
  return {
    folder,
    runId: manifest.runId,
    name: plan.name,
    user: manifest.user,
    condition: conditionOf(sweep),
    startedAt: manifest.startedAt,
    updatedAt: new Date(state.updatedAt).toISOString(),
    progress,
    best: bestOfEachSparsity(sweepTable(plan, state).rows).map(
      ({ cell, settings, kept, planned, result: { test, heldOut } }) => ({
        cell,
        settings,
        kept,
        planned,
        heldOut,
        test,
      }),
    ),
    trials: plan.trials.map(({ number, cell, settings, spec, kept }) => ({
      trial: number,
      cell,
      settings,
      seed: spec.seed,
      kept: kept.total,
      ...state.trials.get(number),
    })),
  };
}

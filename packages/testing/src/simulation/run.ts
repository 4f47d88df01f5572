import { ElasticTrainers } from '@prunegrid/coordinator/cluster';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import { leastOf, mostOf, type TrainerChoice, waitSeconds, withTrainers } from '@prunegrid/coordinator/launch/trainers';
import { runJournaled } from '@prunegrid/coordinator/training/job';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { readResumeState } from '@prunegrid/coordinator/training/resume-state';
import { prune } from '@prunegrid/coordinator/training/run';
import { Failure } from '@prunegrid/core/failure';
import { holdLock } from '@prunegrid/core/locks/file-lock';
import type { Runtime } from '@prunegrid/core/runtime';

/** Nobody interrupts. */
export const never = new Promise<never>(() => undefined);

/**
 * Does what `prunegrid run --out FOLDER` does on a runtime that need not be a machine: runs an experiment, or resumes it if the folder has
 * its beginning.
 */
export async function runIn(
  runtime: Runtime,
  spec: Spec,
  folder: string,
  choice: TrainerChoice,
  warn: (line: string) => void,
): Promise<RunResult> {
  await runtime.files.makeFolder(folder);
  const lock = await holdLock(runtime, `${folder}/coordinator.lock`, (holder) => new Failure('environment', holder));
  const { clock } = runtime;
  try {
    const { resumeState } = await readResumeState(runtime, folder);
    const run = {
      ...{ runtime, folder, runId: runtime.random.uuid(), spec, specFile: 'simulated', extensions: [], resumeState },
      ...{ projector: new Projector(runtime), checkLock: () => lock.check() },
    };
    const launch = chooseLauncher(launchers, {});
    const purpose = { name: spec.name, folder };
    const options = { runtime, launch, purpose, interrupted: never, warn };
    const wait = waitSeconds(choice, launch.launcher);
    return await withTrainers(spec, choice, options, ({ pool }, ended) =>
      pool.hold(pool.freeCount, async (membership) => {
        const { signal } = new AbortController();
        const trainers = new ElasticTrainers({
          ...{ pool, membership, clock, signal, warn, least: leastOf(choice), most: mostOf(choice), wait },
          ended: choice.external > 0 ? never : ended,
        });
        try {
          return await runJournaled({ ...run, trainers }, (context) =>
            prune({ ...context, onProgress: () => undefined }),
          );
        } finally {
          trainers.close();
        }
      }),
    );
  } finally {
    await lock.release();
  }
}

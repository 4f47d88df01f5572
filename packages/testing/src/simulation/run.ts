import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { journalFile } from '@prunegrid/coordinator/journal/reading';
import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import { type TrainerChoice, withTrainersOfRun } from '@prunegrid/coordinator/launch/trainers';
import { runJournaled } from '@prunegrid/coordinator/training/job';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { readResumeState } from '@prunegrid/coordinator/training/resume-state';
import { prune } from '@prunegrid/coordinator/training/run';
import { removeSnapshots } from '@prunegrid/coordinator/training/snapshot';
import { Failure } from '@prunegrid/core/failure';
import { holdLock } from '@prunegrid/core/locks/file-lock';
import type { Runtime } from '@prunegrid/core/runtime';

/** Nobody interrupts. */
export const never = new Promise<never>(() => undefined);

/**
 * Does what `prunegrid run --out FOLDER` does on a runtime that need not be a machine: runs an experiment, or resumes it if the folder has
 * its beginning. One that has ended is left as it is.
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
  try {
    const hasBegun = (await runtime.files.status(journalFile(folder))) !== undefined;
    const { resumeState, problems } = hasBegun ? await readResumeState(runtime, folder) : { problems: [] };
    for (const problem of problems) warn(problem);
    const end = resumeState?.records.find((record) => record.type === 'run-finished');
    if (end) {
      await removeSnapshots(runtime, folder);
      return end.result;
    }
    const run = {
      ...{ runtime, folder, runId: runtime.random.uuid(), spec, specFile: 'simulated', extensions: [], resumeState },
      ...{ projector: new Projector(runtime), checkLock: () => lock.check() },
    };
    const launch = chooseLauncher(launchers, {});
    const purpose = { name: spec.name, folder };
    const { signal } = new AbortController();
    return await withTrainersOfRun(
      spec,
      choice,
      { runtime, launch, purpose, interrupted: never, warn, signal },
      (trainers) =>
        runJournaled({ ...run, trainers }, (context) => prune({ ...context, onProgress: () => undefined }), { warn }),
    );
  } finally {
    await lock.release();
  }
}

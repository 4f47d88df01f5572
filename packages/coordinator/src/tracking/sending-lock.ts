import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { holdLock } from '@prunegrid/core/locks/file-lock';

/**
 * The right to send a run to MLflow, which one process at a time holds by `mlflow.lock` in the run folder: two that
 * search for the run at the same moment would both create it. Throws as `holdLock` does.
 */
export const holdSendingLock = (runtime: Host, folder: string): Promise<{ release(): Promise<void> }> =>
  holdLock(
    runtime,
    join(folder, 'mlflow.lock'),
    (holder) =>
      new Failure('environment', `${holder} is sending ${folder} to MLflow; wait until it has ended, then try again`),
  );

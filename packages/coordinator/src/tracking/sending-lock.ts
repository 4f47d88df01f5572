import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { holdLock } from '@prunegrid/core/locks/file-lock';

/**
 * Takes the lock for sending a run to MLflow, `mlflow.lock` in the run folder. Only one process at a time may hold it,
 * because two processes that search for the run at the same time would both create it. It throws the same errors as
 * `holdLock`.
 */
export const holdSendingLock = (runtime: Host, folder: string): Promise<{ release(): Promise<void> }> =>
  holdLock(
    runtime,
    join(folder, 'mlflow.lock'),
    (holder) =>
      new Failure('environment', `${holder} is sending ${folder} to MLflow; wait until it has ended, then try again`),
  );

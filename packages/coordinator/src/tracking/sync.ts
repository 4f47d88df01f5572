import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { trackingAddress, type Environment } from './address.js';
import { patientBackoff } from './backoff.js';
import type { RunStatus } from './answers.js';
import { MlflowClient } from './client.js';
import { readCursor } from './cursor.js';
import { runMapping } from './mapping.js';
import { holdSendingLock } from './sending-lock.js';
import { SweepTransfer, type SweepTransferOptions } from './sweep-transfer.js';
import { Transfer, type TransferOptions } from './transfer.js';

/** The MLflow server and experiment to send to, with their defaults. */
export interface DestinationOptions {
  /**
   * The server's address. By default, the server to which the run was sent before, or otherwise MLFLOW_TRACKING_URI.
   */
  url?: string | undefined;
  /**
   * The experiment. By default, the one to which the run was sent before, or otherwise `experimentName(environment)`.
   */
  experiment?: string;
  environment: Environment;
  /** Called with one line for each item that cannot be read or sent. */
  warn: (line: string) => void;
  runtime: Host;
}

export type SyncOptions = DestinationOptions;

export interface SyncResult {
  /** The server's address. */
  url: string;
  /** The run's or the sweep's page in MLflow. */
  page: string;
  /** The number of journal records that the server lacked. */
  records: number;
  /** The number of runs to which these records belong. The sweep itself counts as one. */
  runs: number;
  /** The status that was sent if this call sent the end of the run or sweep; otherwise null. */
  ended: RunStatus | null;
  /** Whether MLflow shows the run or sweep as running, because the journal has no end. */
  running: boolean;
}

/** Returns the experiment in which runs are stored: MLFLOW_EXPERIMENT_NAME if it is set, otherwise "prunegrid". */
export const experimentName = (environment: Environment): string =>
  environment['MLFLOW_EXPERIMENT_NAME'] || 'prunegrid';

/**
 * Returns where to send a run or a sweep: the server in the options, otherwise the server to which it was sent before,
 * otherwise the server in the environment; null if none of them names a server.
 */
export async function destinationOf(
  folder: string,
  { url, experiment, environment, warn, runtime }: DestinationOptions,
): Promise<{ url: string; experiment: string } | null> {
  const { cursor: before, problem } = await readCursor(runtime, folder);
  const known = url ?? before?.url ?? environment['MLFLOW_TRACKING_URI'];
  // If a server is known, the function that sends reports the problem.
  if (!known && problem !== undefined) warn(`${problem}, once it is named by prunegrid sync --mlflow`);
  return known ? { url: known, experiment: experiment ?? before?.experiment ?? experimentName(environment) } : null;
}

/**
 * Sends to MLflow what it lacks of a run, and nothing twice, for `prunegrid sync RUN`. A run that has not ended and has
 * no mirror is sent up to its latest record. Throws a `Failure` if the folder or the address is invalid, if another
 * process sends the run, and if the server is unreachable, refuses, or is not an MLflow server.
 */
export function syncRun(folder: string, options: SyncOptions): Promise<SyncResult> {
  return sending(folder, options, async (transferOptions) => {
    const transfer = await Transfer.open(transferOptions, runMapping);
    if (transfer === null) throw new Failure('input', `${folder} holds an empty journal; the run has not begun`);
    const records = await transfer.sendAll();
    const { page, endSent: ended } = transfer;
    const runs = records > 0 ? 1 : 0;
    return { url: transferOptions.client.url, page, records, runs, ended, running: !transfer.ended };
  });
}

/**
 * Sends to MLflow what it lacks of a sweep and of all runs in its folder, for `prunegrid sync SWEEP`. Each of the runs
 * is nested in the sweep's run. It throws the same errors as `syncRun`. If single runs cannot be sent, the first error
 * is thrown after all other runs were sent.
 */
export function syncSweep(
  folder: string,
  { sweepFiles, ...options }: SyncOptions & Pick<SweepTransferOptions, 'sweepFiles'>,
): Promise<SyncResult> {
  return sending(folder, options, async (transferOptions) => {
    const transfer = new SweepTransfer({ ...transferOptions, sweepFiles });
    try {
      const pass = await transfer.sendAll({ files: true });
      const { sweep } = transfer;
      if (pass === null || sweep === null) {
        throw new Failure('input', `${folder} holds an empty journal; the sweep has not begun`);
      }
      const { records, runs } = pass;
      const { page, endSent: ended } = sweep;
      return { url: transferOptions.client.url, page, records, runs, ended, running: !sweep.ended };
    } finally {
      await transfer.forget();
    }
  });
}

async function sending<T>(
  folder: string,
  options: SyncOptions,
  send: (options: TransferOptions) => Promise<T>,
): Promise<T> {
  const { environment, warn, runtime } = options;
  const destination = await destinationOf(folder, options);
  if (!destination) {
    throw new Failure('input', 'no MLflow address is known; give --mlflow URL or set MLFLOW_TRACKING_URI');
  }
  const { url, experiment } = destination;
  const client = new MlflowClient(trackingAddress(url, environment), { ...runtime, backoff: patientBackoff(runtime) });
  const lock = await holdSendingLock(runtime, folder);
  try {
    return await send({ client, folder, experiment, warn, runtime });
  } finally {
    await lock.release();
  }
}

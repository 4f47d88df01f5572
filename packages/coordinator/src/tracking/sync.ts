import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { trackingAddress, type Environment } from './address.js';
import { patientBackoff } from './backoff.js';
import { MlflowClient, type RunStatus } from './client.js';
import { readCursor } from './cursor.js';
import { runMapping } from './mapping.js';
import { holdSendingLock } from './sending-lock.js';
import { SweepTransfer, type SweepTransferOptions } from './sweep-transfer.js';
import { Transfer, type TransferOptions } from './transfer.js';

/** What is asked of MLflow, and what answers if nothing is asked. */
export interface DestinationOptions {
  /** Default: the server that the run was sent to before, or else MLFLOW_TRACKING_URI. */
  url?: string | undefined;
  /** Default: the experiment that the run was sent to before, or else `experimentName(environment)`. */
  experiment?: string;
  environment: Environment;
  /** Told, in one line, what cannot be read or sent. */
  warn: (line: string) => void;
  runtime: Host;
}

export type SyncOptions = DestinationOptions;

export interface SyncResult {
  /** The server. */
  url: string;
  /** The run's or the sweep's page in MLflow. */
  page: string;
  /** Journal records that the server lacked. */
  records: number;
  /** Runs that these belong to; a sweep is one itself. */
  runs: number;
  /** Set if this sync sent the end of the run or sweep. */
  ended: RunStatus | null;
  /** Whether MLflow shows it as running, because the journal has no end. */
  running: boolean;
}

/** The experiment that runs are put into: MLFLOW_EXPERIMENT_NAME, or else "prunegrid". */
export const experimentName = (environment: Environment): string =>
  environment['MLFLOW_EXPERIMENT_NAME'] || 'prunegrid';

/**
 * Where to send a run or a sweep: to the server that is asked for, or else where it was sent before, or else where the environment says;
 * null if none of them names a server.
 */
export async function destinationOf(
  folder: string,
  { url, experiment, environment, warn, runtime }: DestinationOptions,
): Promise<{ url: string; experiment: string } | null> {
  const { cursor: before, problem } = await readCursor(runtime, folder);
  const known = url ?? before?.url ?? environment['MLFLOW_TRACKING_URI'];
  // If there is a server, it is told by whoever sends.
  if (!known && problem !== undefined) warn(`${problem}, once it is named by prunegrid sync --mlflow`);
  return known ? { url: known, experiment: experiment ?? before?.experiment ?? experimentName(environment) } : null;
}

/**
 * Sends to MLflow what it lacks of a run, without sending anything twice: behind `prunegrid sync RUN`. A run that has not ended
 * and has no mirror is sent as far as it has come. Throws a `Failure` for an unknown folder or address, while another
 * process sends the run, and if the server is away, refuses or is none.
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
 * Sends to MLflow what it lacks of a sweep and of all runs in its folder, each of which becomes a run nested in the sweep's: behind
 * `prunegrid sync SWEEP`. Throws as `syncRun` does; if runs cannot be sent for reasons of their own, the first one's reason is thrown after
 * all others were sent.
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

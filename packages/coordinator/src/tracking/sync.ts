import { Failure } from '@prunegrid/core/failure';
import { readCursor } from './cursor.js';
import { trackingAddress, type Environment } from './address.js';
import { MlflowClient, patientBackoff, type RunStatus } from './client.js';
import { runMapping } from './mapping.js';
import { holdSendingLock } from './sending-lock.js';
import { SweepTransfer } from './sweep-transfer.js';
import { Transfer, type TransferOptions } from './transfer.js';

export interface SyncOptions {
  /** Default: the server that the run was sent to before, else MLFLOW_TRACKING_URI. */
  url?: string;
  /** Default: the experiment that the run was sent to before, else `experimentName(environment)`. */
  experiment?: string;
  /** Told, in one line, what cannot be sent and is left out. */
  warn?: (line: string) => void;
  environment?: Environment;
}

export interface SyncResult {
  /** The server. */
  url: string;
  /** The run's or the sweep's page in MLflow. */
  page: string;
  /** Journal records that the server lacked. */
  records: number;
  /** Runs that these belong to; a sweep is one itself. */
  runs: number;
  /** Set where this sync sent the run's or the sweep's end. */
  ended: RunStatus | null;
  /** Whether MLflow shows it as running, since the journal has no end. */
  running: boolean;
}

/** The experiment that runs are put into: MLFLOW_EXPERIMENT_NAME, else "prunegrid". */
export const experimentName = (environment: Environment = process.env): string =>
  environment.MLFLOW_EXPERIMENT_NAME || 'prunegrid';

/** Where to send a run or a sweep: as asked for, else where it was sent before, else what the environment says; null where none does. */
export async function destinationOf(
  folder: string,
  { url, experiment, environment = process.env }: SyncOptions,
): Promise<{ url: string; experiment: string } | null> {
  const before = await readCursor(folder);
  const known = url ?? before?.url ?? environment.MLFLOW_TRACKING_URI;
  return known ? { url: known, experiment: experiment ?? before?.experiment ?? experimentName(environment) } : null;
}

/**
 * Sends to MLflow what it lacks of a run, without sending anything twice: behind `prunegrid sync RUN`. Also fits a run
 * that is still going on without a mirror, which it sends as far as it has come. Throws a `Failure` for an unknown
 * folder or address, while another process sends the run, and where the server is away, refuses or is none.
 */
export function syncRun(folder: string, options: SyncOptions = {}): Promise<SyncResult> {
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
 * The same for a sweep and all runs in its folder, each of which becomes a run nested in the sweep's: behind `prunegrid sync SWEEP`.
 * Throws as `syncRun` does; where runs cannot be sent for reasons of their own, the first one's, after all others were sent.
 */
export function syncSweep(folder: string, options: SyncOptions = {}): Promise<SyncResult> {
  return sending(folder, options, async (transferOptions) => {
    const transfer = new SweepTransfer(transferOptions);
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
  const { environment = process.env, warn = () => undefined } = options;
  const destination = await destinationOf(folder, options);
  if (!destination) {
    throw new Failure('input', 'no MLflow address is known; give --mlflow URL or set MLFLOW_TRACKING_URI');
  }
  const { url, experiment } = destination;
  const client = new MlflowClient(trackingAddress(url, environment), patientBackoff);
  const lock = await holdSendingLock(folder);
  try {
    return await send({ client, folder, experiment, warn });
  } finally {
    await lock.release();
  }
}

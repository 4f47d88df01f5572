import { Failure } from '@prunegrid/trainer/failure';
import { readCursor } from './cursor.js';
import { trackingAddress, type Environment } from './address.js';
import { MlflowClient, patientBackoff, type RunStatus } from './client.js';
import { mlflowUpdate } from './mapping.js';
import { holdSendingLock } from './sending-lock.js';
import { Transfer } from './transfer.js';

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
  /** The run's page in MLflow. */
  page: string;
  /** Journal records that the server lacked. */
  records: number;
  /** Set where this sync sent the run's end. */
  ended: RunStatus | null;
}

/** The experiment that runs are put into: MLFLOW_EXPERIMENT_NAME, else "prunegrid". */
export const experimentName = (environment: Environment = process.env): string =>
  environment.MLFLOW_EXPERIMENT_NAME || 'prunegrid';

/**
 * Sends to MLflow what it lacks of a run, without sending anything twice: behind `prunegrid sync RUN`. Also fits a run
 * that is still going on without a mirror, which it sends as far as it has come. Throws a `Failure` for an unknown
 * folder or address, while another process sends the run, and where the server is away, refuses or is none.
 */
export async function syncRun(folder: string, options: SyncOptions = {}): Promise<SyncResult> {
  const { environment = process.env, warn = () => undefined } = options;
  const before = await readCursor(folder);
  const url = options.url ?? before?.url ?? environment.MLFLOW_TRACKING_URI;
  if (!url) throw new Failure('input', 'no MLflow address is known; give --mlflow URL or set MLFLOW_TRACKING_URI');
  const experiment = options.experiment ?? before?.experiment ?? experimentName(environment);
  const client = new MlflowClient(trackingAddress(url, environment), patientBackoff);
  const lock = await holdSendingLock(folder);
  try {
    const transfer = await Transfer.open({ client, folder, experiment, warn });
    if (transfer === null) throw new Failure('input', `${folder} holds an empty journal; the run has not begun`);
    let records = 0;
    let ended: RunStatus | null = null;
    for (let sent = await transfer.sendNext(); sent.length > 0; sent = await transfer.sendNext()) {
      records += sent.length;
      for (const record of sent) ended = mlflowUpdate(record).end?.status ?? ended;
    }
    return { url: client.url, page: transfer.page, records, ended };
  } finally {
    await lock.release();
  }
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { Failure } from '@prunegrid/trainer/failure';
import { journalRecords, journalStart, type JournalPosition } from '../journal/reading.js';
import type { JournalRecord } from '../journal/records.js';
import type { MlflowClient, RunInfo } from './client.js';
import { readCursor, writeCursor, type Cursor } from './cursor.js';
import { MlflowRejection } from './failures.js';
import { batches, type Entry } from './limits.js';
import { mlflowUpdate, runIdTag, type MlflowUpdate } from './mapping.js';

/** Journal records that are held in memory and acknowledged together. */
const recordsAtOnce = 250;

export interface TransferOptions {
  client: MlflowClient;
  folder: string;
  /** The experiment's name; it is created where there is none. */
  experiment: string;
  /** Told, in one line, what cannot be sent and is left out. */
  warn: (line: string) => void;
}

/**
 * Carries a run from its journal to one MLflow run. Each step may be cut off anywhere and done again: the run is
 * searched for before it is created, points and files that arrive twice are the same ones, and the cursor moves only
 * when the server has acknowledged everything before it. The caller holds the sending lock.
 */
export class Transfer {
  private position: JournalPosition = journalStart;

  private constructor(
    private readonly options: TransferOptions,
    private cursor: Cursor,
    private readonly run: RunInfo,
  ) {}

  /** Finds or creates the MLflow run; null while the journal is empty. */
  static async open(options: TransferOptions): Promise<Transfer | null> {
    const { client, folder, experiment } = options;
    const first = await firstRecord(folder);
    if (first === null) return null;
    const stored = await readCursor(folder);
    const fits = stored?.url === client.url && stored.experiment === experiment;
    let cursor: Cursor = fits ? stored : { url: client.url, experiment, mlflowRun: null, nextSeq: 0 };
    // Also says where to send to when this process ends before the server is ever reached.
    if (!fits) await writeCursor(folder, cursor);

    let run = cursor.mlflowRun === null ? null : await client.run(cursor.mlflowRun.runId);
    if (run === null) {
      const experimentId = await findOrCreateExperiment(client, experiment);
      run = await findOrCreateRun(client, experimentId, first);
      cursor = { ...cursor, mlflowRun: { experimentId, runId: run.run_id }, nextSeq: 0 };
      await writeCursor(folder, cursor);
    }
    if (run.lifecycle_stage === 'deleted') {
      const remedy = 'restore it there, or delete it for good with mlflow gc and send again';
      throw new Failure('environment', `MLflow run ${run.run_id} at ${client.url} was deleted; ${remedy}`);
    }
    return new Transfer(options, cursor, run);
  }

  /** The run's page in MLflow. */
  get page(): string {
    return `${this.options.client.url}/#/experiments/${this.run.experiment_id}/runs/${this.run.run_id}`;
  }

  /** Sends the next records, if there are any. Resolves to what they were, for the caller to count and to look at. */
  async sendNext(): Promise<JournalRecord[]> {
    const { client, folder } = this.options;
    const { records, next } = await this.read();
    if (records.length === 0) return [];
    const updates = records.map(mlflowUpdate);
    const all = {
      params: latest(updates.flatMap(({ params }) => params)),
      tags: latest(updates.flatMap(({ tags }) => tags)),
      metrics: updates.flatMap(({ metrics }) => metrics),
    };
    for (const batch of batches(all)) await client.logBatch(this.run.run_id, batch);
    for (const { end } of updates) if (end) await this.end(end);
    this.position = next;
    this.cursor = { ...this.cursor, nextSeq: next.seq };
    await writeCursor(folder, this.cursor);
    return records;
  }

  private async read(): Promise<{ records: JournalRecord[]; next: JournalPosition }> {
    const records: JournalRecord[] = [];
    let next = this.position;
    for await (const item of journalRecords(this.options.folder, this.position)) {
      next = item.next;
      if (item.record.seq < this.cursor.nextSeq) continue;
      if (records.push(item.record) === recordsAtOnce) break;
    }
    return { records, next };
  }

  private async end({ status, endTime, artifacts }: NonNullable<MlflowUpdate['end']>): Promise<void> {
    const { client, warn } = this.options;
    const root = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(this.run.artifact_uri)?.[1];
    if (root === undefined) {
      warn(
        `MLflow at ${client.url} keeps artifacts at ${this.run.artifact_uri}, which it does not receive itself; ` +
          `${artifacts.join(', ')} left out (a server with --artifacts-destination takes them)`,
      );
    } else {
      for (const name of artifacts) await this.upload(root, name);
    }
    await client.setStatus(this.run.run_id, status, endTime);
  }

  private async upload(root: string, name: string): Promise<void> {
    const { client, folder, warn } = this.options;
    const file = join(folder, name);
    const bytes = await stat(file).then(
      (found) => (found.isFile() ? found.size : null),
      () => null,
    );
    // A journal from elsewhere must not make other files leave the machine.
    if (bytes === null || normalize(name).startsWith('..')) return warn(`${file} is not there; MLflow does without it`);
    await client.putArtifact(`${root}/${name}`, bytes, () => createReadStream(file));
  }
}

type RunStarted = Extract<JournalRecord, { type: 'run-started' }>;

/** Throws a `Failure` where the journal does not begin with the run's manifest. */
async function firstRecord(folder: string): Promise<RunStarted | null> {
  for await (const { record } of journalRecords(folder)) {
    if (record.type === 'run-started') return record;
    throw new Failure(
      'input',
      `${join(folder, 'journal.jsonl')}:1 is "${record.type}", not "run-started"; restore the file`,
    );
  }
  return null;
}

async function findOrCreateExperiment(client: MlflowClient, name: string): Promise<string> {
  let found = await client.experimentByName(name);
  if (found === null) {
    try {
      return await client.createExperiment(name);
    } catch (error) {
      // Another run was quicker.
      if (!(error instanceof MlflowRejection && error.code === 'RESOURCE_ALREADY_EXISTS')) throw error;
      found = await client.experimentByName(name);
      if (found === null) throw error;
    }
  }
  if (found.lifecycle_stage === 'deleted') {
    const remedy = 'restore it there, or name another by MLFLOW_EXPERIMENT_NAME';
    throw new Failure('environment', `MLflow experiment "${name}" at ${client.url} was deleted; ${remedy}`);
  }
  return found.experiment_id;
}

function findOrCreateRun(client: MlflowClient, experimentId: string, started: RunStarted): Promise<RunInfo> {
  const own = { key: runIdTag, value: started.manifest.runId };
  return client.findOrCreateRun(experimentId, own, started.time, mlflowUpdate(started).tags);
}

/** One entry a key, the last one said. */
function latest(entries: Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [entry.key, entry])).values()];
}

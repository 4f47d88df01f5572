import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { journalRecords, journalStart, type JournalPosition } from '../journal/reading.js';
import type { Recorded } from '../journal/encoding.js';
import { Artifacts } from './artifacts.js';
import type { RunInfo, RunStatus } from './answers.js';
import type { MlflowClient } from './client.js';
import { readCursor, writeCursor, type Cursor } from './cursor.js';
import { MlflowRejection } from './failures.js';
import { batches, type Entry } from './limits.js';
import { logModel } from './logged-model.js';
import { runIdTag, tagsOf, type Mapping, type MlflowUpdate, type RunEnd } from './update.js';

/** The number of journal records that are held in memory and acknowledged together. */
const recordsAtOnce = 250;

export interface TransferOptions {
  client: MlflowClient;
  /** The folder of a run or a sweep. */
  folder: string;
  /** The experiment's name. The experiment is created if it does not exist. */
  experiment: string;
  /** Called with one line for each item that cannot be sent and is left out. */
  warn: (line: string) => void;
  /**
   * The MLflow id of the run in which this one is nested. By default, the id of the sweep that the journal names, if
   * the server has it.
   */
  parent?: string;
  runtime: Host;
}

/**
 * Records that were read: their meaning in MLflow, the position of the next record, and the mapping's state at that
 * position.
 */
interface Reading<State> {
  updates: MlflowUpdate[];
  next: JournalPosition;
  state: State;
}

/**
 * Sends a journal to one MLflow run. Each step may be interrupted and repeated: the run is searched for before it is
 * created, points and files that arrive twice are stored once, and the cursor advances only after the server has
 * acknowledged everything before it. Therefore a lost or damaged cursor costs time, but causes no duplicates. The
 * caller holds the sending lock.
 */
export class Transfer<Event extends { type: string }, State> {
  /** The end that this process has sent last; null if it has sent none. */
  endSent: RunStatus | null = null;
  private readonly artifacts: Artifacts;
  private position: JournalPosition = journalStart;
  private state: State;

  private constructor(
    private readonly options: TransferOptions,
    private readonly mapping: Mapping<Event, State>,
    private readonly run: RunInfo,
    private cursor: Cursor,
  ) {
    this.artifacts = new Artifacts({ ...options, root: run.artifact_uri });
    this.state = mapping.initial;
  }

  /** Finds or creates the MLflow run. Resolves to null while the journal is empty. */
  static async open<Event extends { type: string }, State>(
    options: TransferOptions,
    mapping: Mapping<Event, State>,
  ): Promise<Transfer<Event, State> | null> {
    const { client, folder, experiment, runtime, warn } = options;
    const first = await firstRecord(runtime, folder, mapping);
    if (first === null) return null;
    const { cursor: stored, problem } = await readCursor(runtime, folder);
    if (problem !== undefined) warn(problem);
    const fits = stored?.url === client.url && stored.experiment === experiment;
    let cursor: Cursor = fits ? stored : { url: client.url, experiment, mlflowRun: null, nextSeq: 0 };
    // The cursor is written now, so that it names the destination even if this process ends before it reaches the
    // server.
    if (!fits) await writeCursor(runtime, folder, cursor);

    let run = cursor.mlflowRun === null ? null : await client.run(cursor.mlflowRun.runId);
    const experimentId = run?.experiment_id ?? (await findOrCreateExperiment(client, experiment));
    const parent = await parentOf(first.parentRunId, experimentId, options);
    const nesting = tagsOf(parent === undefined ? {} : { [parentTag]: parent });
    if (run === null) {
      const own = { key: runIdTag, value: first.runId };
      const { update } = mapping.map(first.record, mapping.initial);
      run = await client.findOrCreateRun(experimentId, own, first.record.time, [...update.tags, ...nesting]);
    }
    const known = cursor.mlflowRun?.runId === run.run_id;
    if (!known || cursor.parent !== parent) {
      const { url } = cursor;
      const mlflowRun = { experimentId, runId: run.run_id };
      cursor = { url, experiment, mlflowRun, nextSeq: 0, ...(parent !== undefined && { parent }) };
      await writeCursor(runtime, folder, cursor);
    }
    if (run.lifecycle_stage === 'deleted') {
      const remedy = 'restore it there, or delete it for good with mlflow gc and send again';
      throw new MlflowRejection(`MLflow run ${run.run_id} at ${client.url} was deleted; ${remedy}`, 'DELETED');
    }
    return new Transfer(options, mapping, run, cursor);
  }

  /** The run's MLflow id. */
  get id(): string {
    return this.run.run_id;
  }

  /** The run's page in MLflow. */
  get page(): string {
    return `${this.options.client.url}/#/experiments/${this.run.experiment_id}/runs/${this.run.run_id}`;
  }

  /** Whether MLflow shows the run as ended. */
  get ended(): boolean {
    return this.cursor.ended ?? false;
  }

  /**
   * Sends what the journal holds and the server may lack, a bounded number of records at a time. Resolves to the number
   * of records sent.
   */
  async sendAll(): Promise<number> {
    let records = 0;
    for (let sent = await this.sendNext(); sent > 0; sent = await this.sendNext()) records += sent;
    return records;
  }

  /** Sends those of the named files that exist and have changed since they were sent. */
  async sendFiles(names: readonly string[]): Promise<void> {
    const { files = {} } = this.cursor;
    const changed = await this.artifacts.sendChanged(names, files);
    if (Object.keys(changed).length > 0) await this.keep({ files: { ...files, ...changed } });
  }

  /** Ends a run whose journal has no end. */
  async abandon(end: RunEnd): Promise<void> {
    await this.end(end);
    await this.keep({ ended: true });
  }

  private async sendNext(): Promise<number> {
    const { client } = this.options;
    const { updates, next, state } = await this.read();
    if (updates.length > 0) {
      const nesting = this.cursor.nextSeq === 0 && this.cursor.parent ? { [parentTag]: this.cursor.parent } : {};
      const all = {
        params: latest(updates.flatMap(({ params }) => params)),
        tags: latest([...updates.flatMap(({ tags }) => tags), ...tagsOf(nesting), ...(await this.links(updates))]),
        metrics: updates.flatMap(({ metrics }) => metrics),
      };
      for (const { dataset } of updates) if (dataset) await client.logDataset(this.run.run_id, dataset);
      for (const batch of batches(all)) await client.logBatch(this.run.run_id, batch);
      let { ended } = this.cursor;
      for (const { again, end } of updates) {
        if (again) await this.reopen();
        if (end) await this.end(end);
        if (again ?? end) ended = end && true;
      }
      await this.keep({ nextSeq: next.seq, ended });
    }
    this.position = next;
    this.state = state;
    return updates.length;
  }

  private async read(): Promise<Reading<State>> {
    const reading: Reading<State> = { updates: [], next: this.position, state: this.state };
    for await (const { record, next } of journalRecords(
      this.options.runtime,
      this.options.folder,
      this.mapping.journal,
      this.position,
    )) {
      const { update, after } = this.mapping.map(record, reading.state);
      reading.next = next;
      reading.state = after;
      if (record.seq >= this.cursor.nextSeq && reading.updates.push(update) === recordsAtOnce) break;
    }
    return reading;
  }

  private async links(updates: MlflowUpdate[]): Promise<Entry[]> {
    const values: Record<string, string> = {};
    for (const { link } of updates) {
      const found = link && (await findById(this.options.client, this.run.experiment_id, link.runId));
      if (found) values[link.tag] = found.run_id;
    }
    return tagsOf(values);
  }

  private async reopen(): Promise<void> {
    await this.options.client.setStatus(this.run.run_id, 'RUNNING');
    this.endSent = null;
  }

  private async end({ status, endTime, artifacts, model }: RunEnd): Promise<void> {
    await this.artifacts.send(artifacts);
    if (model) await logModel(this.run, model, this.options);
    await this.options.client.setStatus(this.run.run_id, status, endTime);
    this.endSent = status;
  }

  private async keep(change: Partial<Cursor>): Promise<void> {
    this.cursor = { ...this.cursor, ...change };
    await writeCursor(this.options.runtime, this.options.folder, this.cursor);
  }
}

/** The tag in which MLflow stores the run in which a run is nested. */
const parentTag = 'mlflow.parentRunId';

interface First<Event> {
  record: Recorded<Event>;
  runId: string;
  parentRunId?: string;
}

/** Returns the first record of the journal. Throws a `Failure` if it does not describe the run. */
async function firstRecord<Event extends { type: string }>(
  runtime: Host,
  folder: string,
  mapping: Mapping<Event, unknown>,
): Promise<First<Event> | null> {
  for await (const { record } of journalRecords(runtime, folder, mapping.journal)) {
    const found = mapping.identity(record);
    if (found !== null) return { record, ...found };
    throw new Failure(
      'input',
      `${join(folder, 'journal.jsonl')}:1 is "${record.type}", not "${mapping.begins}"; restore the file`,
    );
  }
  return null;
}

async function parentOf(
  runId: string | undefined,
  experimentId: string,
  { client, parent }: TransferOptions,
): Promise<string | undefined> {
  if (parent !== undefined || runId === undefined) return parent;
  return (await findById(client, experimentId, runId))?.run_id;
}

const findById = (client: MlflowClient, experimentId: string, runId: string): Promise<RunInfo | null> =>
  client.findRun(experimentId, { key: runIdTag, value: runId });

async function findOrCreateExperiment(client: MlflowClient, name: string): Promise<string> {
  let found = await client.experimentByName(name);
  if (found === null) {
    try {
      return await client.createExperiment(name);
    } catch (error) {
      // Another process has created the experiment in the meantime.
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

/** Returns one entry for each key, the last one. */
function latest(entries: Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [entry.key, entry])).values()];
}

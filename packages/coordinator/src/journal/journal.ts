import { Failure } from '@prunegrid/core/failure';
import { writeFailure } from '@prunegrid/core/files';
import type { Clock, FileHandle, Host } from '@prunegrid/core/runtime';
import type { Recorded } from './encoding.js';
import { encodeRecord, type JournalFormat } from './format.js';
import { journalFile, type JournalPosition, journalRecords, journalStart } from './reading.js';

/** The parts of the machine that a journal needs. */
type JournalHost = Pick<Host, 'clock' | 'files'>;

export interface JournalOptions {
  /**
   * Awaited before each write. If it rejects, nothing is written. A coordinator uses it to check that it still holds
   * the folder's lock.
   */
  beforeWrite?: (() => Promise<void>) | undefined;
}

/**
 * The durable, append-only record of a run or a sweep, `journal.jsonl` in its folder: the source of truth from which
 * the screen, `metrics.jsonl` and MLflow are fed.
 *
 *     const journal = await Journal.create(host, folder, runJournal);
 *     const unsubscribe = journal.subscribe((record) => screen.show(record));
 *     await journal.append({ type: 'phase-started', phase: 'dense', epochs: 6, stepsPerEpoch: 430 });
 *     await journal.close();
 */
export class Journal<Event extends { type: string }> {
  private readonly listeners = new Set<(record: Recorded<Event>) => void>();
  /** Settles when all earlier appends have settled, so that only one append at a time accesses the file. */
  private queue: Promise<unknown> = Promise.resolve();
  /** Whether a failed write may have left bytes beyond the end. */
  private torn = false;

  private constructor(
    readonly folder: string,
    private readonly format: JournalFormat<Event>,
    private readonly handle: FileHandle,
    private readonly clock: Clock,
    private readonly beforeWrite: () => Promise<void>,
    /** Where the next record goes. */
    private end: JournalPosition,
  ) {}

  /**
   * Creates a journal in an existing folder.
   * @throws {Failure} `input` if the folder already holds a journal; `environment` if it cannot be written
   */
  static async create<Event extends { type: string }>(
    { clock, files }: JournalHost,
    folder: string,
    format: JournalFormat<Event>,
    { beforeWrite = () => Promise.resolve() }: JournalOptions = {},
  ): Promise<Journal<Event>> {
    const file = journalFile(folder);
    try {
      const handle = await files.open(file, 'create');
      await files.syncFolder(folder);
      return new Journal(folder, format, handle, clock, beforeWrite, journalStart);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
        throw new Failure('input', `${file} exists already; choose another run folder`);
      }
      throw writeFailure(file, error);
    }
  }

  /**
   * Resumes the journal of an earlier process. An incomplete last line is removed, and `seq` continues.
   * @throws {Failure} `input` if there is no journal or it is damaged; `environment` if it cannot be read or written
   */
  static async reopen<Event extends { type: string }>(
    { clock, files }: JournalHost,
    folder: string,
    format: JournalFormat<Event>,
    { beforeWrite = () => Promise.resolve() }: JournalOptions = {},
  ): Promise<Journal<Event>> {
    let end = journalStart;
    for await (const { next } of journalRecords({ files }, folder, format)) end = next;
    const file = journalFile(folder);
    try {
      const handle = await files.open(file, 'update');
      await handle.truncate(end.offset);
      return new Journal(folder, format, handle, clock, beforeWrite, end);
    } catch (error) {
      throw writeFailure(file, error);
    }
  }

  /** The `seq` of the next record. */
  get nextSeq(): number {
    return this.end.seq;
  }

  /**
   * Writes the event and resolves to its record after the record was written and synced to the disk and every
   * subscriber was called. Appends are executed in the order of the calls. Rejects with a `Failure` if the disk is full
   * or unavailable; the event is then not in the journal, and a later append may still succeed.
   *
   * @param told a promise for the work that the event reports; the append waits for it, and rejects if it rejects
   */
  append(event: Event, told: Promise<unknown> = Promise.resolve()): Promise<Recorded<Event>> {
    // The promise may reject before it is awaited, which Node.js would otherwise report as an unhandled rejection.
    told.catch(() => undefined);
    const appended = this.queue.then(() => told).then(() => this.write(event, this.clock.now()));
    this.queue = appended.catch(() => undefined);
    return appended;
  }

  /**
   * Calls `listener` with each record that becomes durable from now on, in order. It must not throw. Returns the
   * function that ends the subscription.
   */
  subscribe(listener: (record: Recorded<Event>) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Waits for the pending appends and closes the file. */
  async close(): Promise<void> {
    await this.queue;
    // Each record has been synced, so a broken disk takes nothing any more.
    await this.handle.close().catch(() => undefined);
  }

  private async write(event: Event, time: number): Promise<Recorded<Event>> {
    const { seq, offset, chain: before } = this.end;
    const record: Recorded<Event> = { seq, time, ...event };
    const { line: text, chain } = encodeRecord(this.format, record, before);
    const line = Buffer.from(text);
    await this.beforeWrite();
    try {
      if (this.torn) await this.handle.truncate(offset);
      this.torn = true;
      await this.handle.write(line, offset);
      await this.handle.sync();
      this.torn = false;
    } catch (error) {
      throw writeFailure(journalFile(this.folder), error);
    }
    this.end = { seq: seq + 1, offset: offset + line.length, chain };
    for (const listener of this.listeners) listener(record);
    return record;
  }
}

import { Failure } from '@prunegrid/core/failure';
import { writeFailure } from '@prunegrid/core/files';
import type { Clock, FileHandle, Host } from '@prunegrid/core/runtime';
import type { Recorded } from './encoding.js';
import { encodeRecord, type JournalFormat } from './format.js';
import { journalFile, journalRecords, journalStart } from './reading.js';

/** What a journal needs of the machine. */
type JournalHost = Pick<Host, 'clock' | 'files'>;

export interface JournalOptions {
  /** Awaited before each write: if it rejects, nothing is written. A coordinator makes sure that the folder is still its own. */
  beforeWrite?: (() => Promise<void>) | undefined;
}

/**
 * The durable, append-only record of a run or a sweep, `journal.jsonl` in its folder: the source of truth from which the screen,
 * `metrics.jsonl` and MLflow are fed.
 *
 *     const journal = await Journal.create(host, folder, runJournal);
 *     const unsubscribe = journal.subscribe((record) => screen.show(record));
 *     await journal.append({ type: 'phase-started', phase: 'dense', epochs: 6, stepsPerEpoch: 430 });
 *     await journal.close();
 */
export class Journal<Event extends { type: string }> {
  private readonly listeners = new Set<(record: Recorded<Event>) => void>();
  /** Settles when every append so far has; one append at a time touches the file. */
  private queue: Promise<unknown> = Promise.resolve();
  /** Bytes beyond `length` may be left over from a write that failed half-way. */
  private torn = false;

  private constructor(
    readonly folder: string,
    private readonly format: JournalFormat<Event>,
    private readonly handle: FileHandle,
    private readonly clock: Clock,
    private readonly beforeWrite: () => Promise<void>,
    private seq: number,
    private length: number,
  ) {}

  /**
   * Begins a new journal in an existing folder.
   * @throws {Failure} input: the folder holds a journal already. environment: it cannot be written.
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
      return new Journal(folder, format, handle, clock, beforeWrite, journalStart.seq, journalStart.offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
        throw new Failure('input', `${file} exists already; choose another run folder`);
      }
      throw writeFailure(file, error);
    }
  }

  /**
   * Resumes the journal of an earlier process: a torn last line is cut off, and the count continues.
   * @throws {Failure} input: there is no journal, or it is damaged. environment: it cannot be read or written.
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
      return new Journal(folder, format, handle, clock, beforeWrite, end.seq, end.offset);
    } catch (error) {
      throw writeFailure(file, error);
    }
  }

  /** The `seq` of the record after those that are written. */
  get nextSeq(): number {
    return this.seq;
  }

  /**
   * Writes the event down and resolves to its record once that is on the disk (written and synced) and every
   * subscriber has seen it. Appends are carried out in the order of the calls. Rejects with a `Failure` if the disk
   * is full or gone: then the event is not in the journal, and a later append may still succeed.
   *
   * @param told what the event tells of, if that is still under way: it is waited for, and if it rejects, so does the append
   */
  append(event: Event, told: Promise<unknown> = Promise.resolve()): Promise<Recorded<Event>> {
    // It may reject before its turn has come.
    told.catch(() => undefined);
    const appended = this.queue.then(() => told).then(() => this.write(event, this.clock.now()));
    this.queue = appended.catch(() => undefined);
    return appended;
  }

  /** `listener` is called with each record that becomes durable from now on, in order; it must not throw. */
  subscribe(listener: (record: Recorded<Event>) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Waits for the appends under way and closes the file. */
  async close(): Promise<void> {
    await this.queue;
    await this.handle.close();
  }

  private async write(event: Event, time: number): Promise<Recorded<Event>> {
    const record: Recorded<Event> = { seq: this.seq, time, ...event };
    const line = Buffer.from(encodeRecord(this.format, record));
    await this.beforeWrite();
    try {
      if (this.torn) await this.handle.truncate(this.length);
      this.torn = true;
      await this.handle.write(line, this.length);
      await this.handle.sync();
      this.torn = false;
    } catch (error) {
      throw writeFailure(journalFile(this.folder), error);
    }
    this.seq += 1;
    this.length += line.length;
    for (const listener of this.listeners) listener(record);
    return record;
  }
}

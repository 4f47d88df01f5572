import { open, type FileHandle } from 'node:fs/promises';
import { Failure } from '@prunegrid/core/failure';
import { encodeRecord } from './encoding.js';
import { journalFile, journalRecords, journalStart } from './reading.js';
import type { Recorded, RunEvent } from '../training/records.js';

/** Unix milliseconds. */
export type Clock = () => number;

/**
 * The durable, append-only record of a run or a sweep, `journal.jsonl` in its folder: the source of truth from which the screen,
 * `metrics.jsonl` and MLflow are fed.
 *
 *     const journal = await Journal.create(folder);
 *     const unsubscribe = journal.subscribe((record) => screen.show(record));
 *     await journal.append({ type: 'phase-started', phase: 'dense', epochs: 6, stepsPerEpoch: 430 });
 *     await journal.close();
 */
export class Journal<Event extends { type: string } = RunEvent> {
  private readonly listeners = new Set<(record: Recorded<Event>) => void>();
  /** Settles when every append so far has; one append at a time touches the file. */
  private queue: Promise<unknown> = Promise.resolve();
  /** Bytes beyond `length` may be left over from a write that failed half-way. */
  private torn = false;

  private constructor(
    readonly folder: string,
    private readonly handle: FileHandle,
    private readonly clock: Clock,
    private seq: number,
    private length: number,
  ) {}

  /** A new journal in an existing folder. Throws a `Failure` where the folder holds one already or cannot be written. */
  static async create<Event extends { type: string } = RunEvent>(
    folder: string,
    clock: Clock = Date.now,
  ): Promise<Journal<Event>> {
    const file = journalFile(folder);
    try {
      const handle = await open(file, 'wx');
      await syncFolder(folder);
      return new Journal<Event>(folder, handle, clock, journalStart.seq, journalStart.offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
        throw new Failure('input', `${file} exists already; choose another run folder`);
      }
      throw writeFailure(file, error);
    }
  }

  /**
   * Goes on with the journal of an earlier process: a torn last line is cut off, the count continues. Throws a
   * `Failure` where there is no journal or it is damaged.
   */
  static async reopen<Event extends { type: string } = RunEvent>(
    folder: string,
    clock: Clock = Date.now,
  ): Promise<Journal<Event>> {
    let end = journalStart;
    for await (const { next } of journalRecords(folder)) end = next;
    const file = journalFile(folder);
    try {
      const handle = await open(file, 'r+');
      await handle.truncate(end.offset);
      return new Journal<Event>(folder, handle, clock, end.seq, end.offset);
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
   * subscriber has seen it. Appends are carried out in the order of the calls. Rejects with a `Failure` where the disk
   * is full or gone: then the event is not in the journal, and a later append may still succeed.
   *
   * @param told what the event tells of, where that is still under way: it is waited for, and where it rejects, so does the append
   */
  append(event: Event, told: Promise<unknown> = Promise.resolve()): Promise<Recorded<Event>> {
    // It may reject before its turn has come.
    told.catch(() => undefined);
    const appended = this.queue.then(() => told).then(() => this.write(event, this.clock()));
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
    const line = Buffer.from(encodeRecord(record));
    try {
      if (this.torn) await this.handle.truncate(this.length);
      this.torn = true;
      await writeAll(this.handle, line, this.length);
      await this.handle.datasync();
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

/** A single write may be short, most of all on a disk that is about to be full. */
async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** Makes the new file's name durable too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function writeFailure(file: string, cause: unknown): Failure {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = code === 'ENOSPC' ? 'the disk is full; make room' : `${message}; check the folder and its disk`;
  return new Failure('environment', `${file} cannot be written: ${reason}`, { cause });
}

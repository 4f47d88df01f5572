import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { decodeRecord } from './encoding.js';
import type { Recorded, RunEvent } from '../training/records.js';

export const journalFile = (folder: string): string => join(folder, 'journal.jsonl');

/** A place between two records: the next one's `seq` and the byte at which its line begins. */
export interface JournalPosition {
  seq: number;
  offset: number;
}

export const journalStart: JournalPosition = { seq: 0, offset: 0 };

/** Every record in the folder's journal. Throws as `journalRecords` does. */
export async function readJournal<Event = RunEvent>(folder: string): Promise<Recorded<Event>[]> {
  const records: Recorded<Event>[] = [];
  for await (const { record } of journalRecords<Event>(folder)) records.push(record);
  return records;
}

/**
 * The records from `from` on, read a piece at a time, each with the position after it. A last line without its newline
 * is one that was being written when the power went, or is being written now: nobody was told that it is durable, so
 * it is left out.
 *
 * Throws a `Failure` where there is no journal, and where a line is damaged or a `seq` is missing, naming the line.
 */
export async function* journalRecords<Event = RunEvent>(
  folder: string,
  from: JournalPosition = journalStart,
): AsyncGenerator<{ record: Recorded<Event>; next: JournalPosition }> {
  const file = journalFile(folder);
  let { seq, offset } = from;
  for await (const line of completeLines(file, offset)) {
    offset += line.length;
    let record: Recorded<{ type: string }>;
    try {
      record = decodeRecord(line.toString('utf8', 0, line.length - 1), seq);
    } catch (error) {
      // Lines hold one record each and seq counts from 0, so the line's number is seq + 1.
      throw new Failure(
        'input',
        `${file}:${seq + 1} ${(error as Error).message}; restore the file, or cut it off before this line`,
      );
    }
    seq += 1;
    yield { record: record as unknown as Recorded<Event>, next: { seq, offset } };
  }
}

async function* completeLines(file: string, offset: number): AsyncGenerator<Buffer> {
  const newline = 0x0a;
  let pieces: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { start: offset }) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        pieces.push(chunk.subarray(start, end + 1));
        start = end + 1;
        yield pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
        pieces = [];
      }
      if (start < chunk.length) pieces.push(chunk.subarray(start));
    }
  } catch (error) {
    if (!isErrnoException(error)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
      throw new Failure(
        'input',
        `${file} does not exist; name the folder of a run or sweep, one that holds a journal.jsonl`,
      );
    }
    throw new Failure('environment', `${file} cannot be read: ${error.message}`, { cause: error });
  }
}

function isErrnoException(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

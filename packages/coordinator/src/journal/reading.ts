import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { isFileError, isMissing } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import type { Recorded } from './encoding.js';
import { decodeRecord, type JournalFormat, WrongFormat } from './format.js';

export const journalFile = (folder: string): string => join(folder, 'journal.jsonl');

/** A place between two records: the next one's `seq` and the byte at which its line begins. */
export interface JournalPosition {
  seq: number;
  offset: number;
}

export const journalStart: JournalPosition = { seq: 0, offset: 0 };

/** Every record in the folder's journal. Throws as `journalRecords` does. */
export async function readJournal<Event extends { type: string }>(
  host: Pick<Host, 'files'>,
  folder: string,
  format: JournalFormat<Event>,
): Promise<Recorded<Event>[]> {
  const records: Recorded<Event>[] = [];
  for await (const { record } of journalRecords(host, folder, format)) records.push(record);
  return records;
}

/**
 * The records from `from` on, read a piece at a time, each with the position after it. A last line without its newline
 * is one that was being written when the power went, or is being written now: nobody was told that it is durable, so
 * it is left out.
 *
 * @throws {Failure} input: there is no journal, a line is damaged or missing, or the journal is of another format or version. The message
 *   names the line. environment: the file cannot be read.
 */
export async function* journalRecords<Event extends { type: string }>(
  host: Pick<Host, 'files'>,
  folder: string,
  format: JournalFormat<Event>,
  from: JournalPosition = journalStart,
): AsyncGenerator<{ record: Recorded<Event>; next: JournalPosition }> {
  const file = journalFile(folder);
  let { seq, offset } = from;
  for await (const line of completeLines(host, file, offset)) {
    offset += line.length;
    let record: Recorded<Event>;
    try {
      record = decodeRecord(line.toString('utf8', 0, line.length - 1), format, seq);
    } catch (error) {
      // Lines hold one record each and seq counts from 0, so the line's number is seq + 1.
      const remedy = error instanceof WrongFormat ? '' : '; restore the file, or cut it off before this line';
      throw new Failure('input', `${file}:${seq + 1} ${(error as Error).message}${remedy}`, { cause: error });
    }
    seq += 1;
    yield { record, next: { seq, offset } };
  }
}

async function* completeLines({ files }: Pick<Host, 'files'>, file: string, offset: number): AsyncGenerator<Buffer> {
  const newline = 0x0a;
  let pieces: Buffer[] = [];
  try {
    for await (const chunk of files.readPieces(file, offset)) {
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
    if (!isFileError(error)) throw error;
    if (isMissing(error)) {
      throw new Failure(
        'input',
        `${file} does not exist; name the folder of a run or sweep, one that holds a journal.jsonl`,
      );
    }
    throw new Failure('environment', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

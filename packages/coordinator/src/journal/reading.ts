import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { isFileError, isMissing } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import { type Chain, FIRST_CHECKSUM, hasLostItsEnd, type Recorded } from './encoding.js';
import { decodeRecord, type JournalFormat, WrongFormat } from './format.js';

export const journalFile = (folder: string): string => join(folder, 'journal.jsonl');

/**
 * A position between two records: the `seq` of the next record, the byte at which its line starts, and the checksum of
 * the lines before.
 */
export interface JournalPosition {
  seq: number;
  offset: number;
  chain: Chain;
}

export const journalStart: JournalPosition = { seq: 0, offset: 0, chain: FIRST_CHECKSUM };

/** Returns every record in the folder's journal. It throws the same errors as `journalRecords`. */
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
 * Yields the records from `from` on, each with the position after it, and reads the file in pieces. A last line without
 * a newline is omitted: its write was interrupted or is in progress, so nobody was told that it is durable.
 *
 * @throws {Failure} `input` if there is no journal, a line is damaged or missing, or the journal is of another format
 *   or version; the message names the line. `environment` if the file cannot be read.
 */
export async function* journalRecords<Event extends { type: string }>(
  host: Pick<Host, 'files'>,
  folder: string,
  format: JournalFormat<Event>,
  from: JournalPosition = journalStart,
): AsyncGenerator<{ record: Recorded<Event>; next: JournalPosition }> {
  const file = journalFile(folder);
  let { seq, offset, chain } = from;
  for await (const line of completeLines(host, file, offset)) {
    offset += line.length;
    let record: Recorded<Event>;
    try {
      ({ record, chain } = decodeRecord(textOf(line), format, seq, chain));
    } catch (error) {
      // Each line holds one record and seq counts from 0, so the number of the line is seq + 1.
      const remedy = error instanceof WrongFormat ? '' : '; restore the file, or cut it off before this line';
      throw new Failure('input', `${file}:${seq + 1} ${(error as Error).message}${remedy}`, { cause: error });
    }
    seq += 1;
    yield { record, next: { seq, offset, chain } };
  }
}

async function* completeLines({ files }: Pick<Host, 'files'>, file: string, offset: number): AsyncGenerator<Buffer> {
  const newline = 0x0a;
  let pieces: Buffer[] = [];
  try {
    // A pipe that somebody has put in its place would never end.
    const status = await files.status(file, { followLinks: false });
    if (status && status.kind !== 'file') throw new Failure('input', `${file} is no regular file: restore it`);
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
    // A line that is being written may lack its end, but has no other end.
    const rest = Buffer.concat(pieces);
    if (hasLostItsEnd(rest.toString('utf8'))) yield rest;
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

/** Returns the text of a line without its end. A byte that is no newline stays, so that the line is found damaged. */
const textOf = (line: Buffer): string =>
  line.at(-1) === 0x0a ? line.toString('utf8', 0, line.length - 1) : line.toString('utf8');

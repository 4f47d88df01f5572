import { firstProblem, type Format, versionProblem } from '@prunegrid/core/formats';
import { z } from 'zod';

import { decodeLine, encodeLine, type Recorded } from './encoding.js';

/** A kind of journal: its name and version, which its first record states, and what its records tell of. */
export type JournalFormat<Event extends { type: string }> = Format<z.ZodType<Event>>;

/** The journal is of another format or version. The message says what to do about it. */
export class WrongFormat extends Error {}

const placeSchema = z.looseObject({ seq: z.int().min(0), time: z.number() });

/** A record as a line of the journal, newline included. */
export function encodeRecord<Event extends { type: string }>(
  { name, version }: Pick<JournalFormat<Event>, 'name' | 'version'>,
  record: Recorded<Event>,
): string {
  return encodeLine(record.seq === 0 ? { format: name, version, ...record } : record);
}

/**
 * The record in one line of a journal.
 * @throws {WrongFormat} the journal is of another format or version
 * @throws {Error} what is wrong with the line, to follow on its name: damage, or another `seq` than is due
 */
export function decodeRecord<Event extends { type: string }>(
  line: string,
  format: JournalFormat<Event>,
  expectedSeq: number,
): Recorded<Event> {
  const { format: name, version, ...record } = decodeLine(line);
  const place = placeSchema.safeParse(record);
  if (!place.success) throw new Error('is damaged: it is not a journal record');
  const { seq, time, ...event } = place.data;
  if (seq !== expectedSeq) throw new Error(`has seq ${seq} where ${expectedSeq} is due: lines are missing or doubled`);
  const problem = seq === 0 ? versionProblem(format, { format: name, version }) : undefined;
  if (problem !== undefined) throw new WrongFormat(problem);
  const parsed = format.schema.safeParse(event);
  if (!parsed.success) {
    throw new Error(`is no record of a ${format.name}: ${String(event['type'])}: ${firstProblem(parsed.error)}`);
  }
  return { seq, time, ...parsed.data };
}

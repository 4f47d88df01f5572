import { firstProblem, type Format, versionProblem } from '@prunegrid/core/formats';
import { z } from 'zod';

import { type Chain, decodeLine, encodeLine, type Recorded } from './encoding.js';

/**
 * The format of a kind of journal: its name and version, which the first record states, and the schema of its records.
 */
export type JournalFormat<Event extends { type: string }> = Format<z.ZodType<Event>>;

/** Thrown if the journal is of another format or version. The message states the remedy. */
export class WrongFormat extends Error {}

const placeSchema = z.looseObject({ seq: z.int().min(0), time: z.number() });

/** Returns a record as a line of the journal, including the newline, and the checksum of the lines up to it. */
export function encodeRecord<Event extends { type: string }>(
  { name, version }: Pick<JournalFormat<Event>, 'name' | 'version'>,
  record: Recorded<Event>,
  before: Chain,
): { line: string; chain: Chain } {
  return encodeLine(record.seq === 0 ? { format: name, version, ...record } : record, before);
}

/**
 * Returns the record in one line of a journal, and the checksum of the lines up to it.
 * @throws {WrongFormat} if the journal is of another format or version
 * @throws {Error} if the line is damaged or has an unexpected `seq`; the message continues the line's name
 */
export function decodeRecord<Event extends { type: string }>(
  line: string,
  format: JournalFormat<Event>,
  expectedSeq: number,
  before: Chain,
): { record: Recorded<Event>; chain: Chain } {
  const { value, chain } = decodeLine(line, before);
  const { format: name, version, ...record } = value;
  const place = placeSchema.safeParse(record);
  if (!place.success) throw new Error('is damaged: it is not a journal record');
  const { seq, time, ...event } = place.data;
  if (seq !== expectedSeq) throw new Error(`has seq ${seq} where ${expectedSeq} is due: lines are missing or doubled`);
  const problem = seq === 0 ? versionProblem(format, { format: name, version }) : undefined;
  if (problem !== undefined) throw new WrongFormat(problem);
  if (seq === 0 && (version === format.version) !== (chain !== undefined)) {
    throw new Error('is damaged: its checksum is not of the kind that its version has');
  }
  const parsed = format.schema.safeParse(event);
  if (!parsed.success) {
    throw new Error(`is no record of a ${format.name}: ${String(event['type'])}: ${firstProblem(parsed.error)}`);
  }
  return { record: { seq, time, ...parsed.data }, chain };
}

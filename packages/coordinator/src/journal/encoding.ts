import { crc32 } from 'node:zlib';

/**
 * An event with its position in the journal. `seq` counts from 0 without gaps; `time` is the time of the event in Unix
 * milliseconds.
 */
export type Recorded<Event> = { seq: number; time: number } & Event;

/**
 * JSON has no NaN and no infinities, but a loss may become one. They are written as `{"$number":"NaN"}`, `"Infinity"`
 * and `"-Infinity"`: an object, because a plain string could also be the name of a host or an experiment.
 */
const nonFinite: Record<string, number> = { NaN, Infinity, '-Infinity': -Infinity };

/** The last key of a line: the CRC-32, in hex, of the UTF-8 bytes of the line without this key. */
const checksum = /,"crc":"([0-9a-f]{8})"\}$/;

/**
 * Returns one line of a journal, including the newline: a JSON object that ends with its checksum. `decodeLine`
 * restores non-finite numbers.
 */
export function encodeLine(value: object): string {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'number' && !Number.isFinite(part) ? { $number: String(part) } : part,
  );
  return `${text.slice(0, -1)},"crc":"${crcOf(text)}"}\n`;
}

/**
 * Returns the object in one line of a journal without its newline, and removes the checksum.
 * @throws {Error} that says what is wrong with the line, as a continuation of the line's name
 */
export function decodeLine(line: string): Record<string, unknown> {
  const crc = checksum.exec(line)?.[1];
  const text = crc === undefined ? line : `${line.slice(0, -`,"crc":"${crc}"}`.length)}}`;
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, part: unknown) => revive(part));
  } catch {
    throw new Error('is damaged: it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('is damaged: it is not a journal record');
  }
  if (crc === undefined) {
    throw new Error('is damaged, or was written by an earlier prunegrid: it has no checksum');
  }
  if (crc !== crcOf(text)) throw new Error('is damaged: its checksum is another one');
  return value as Record<string, unknown>;
}

const crcOf = (text: string): string => crc32(text).toString(16).padStart(8, '0');

function revive(part: unknown): unknown {
  if (typeof part !== 'object' || part === null || !('$number' in part)) return part;
  return nonFinite[String(part.$number)] ?? part;
}

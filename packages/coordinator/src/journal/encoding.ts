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

/**
 * The last key of a line: the CRC-32, in hex, of all lines up to this one, each without its last key. So a line that was
 * changed, lost or moved is found. Version 1 of a journal has the key `crc` instead, which covers one line alone.
 */
const checksum = /,"(chain|crc)":"([0-9a-f]{8})"\}$/;

/** The checksum of a journal without lines. */
export const FIRST_CHECKSUM = '00000000';

/** The checksum of the lines before one; undefined in a journal whose lines have checksums of their own alone. */
export type Chain = string | undefined;

/**
 * Returns one line of a journal, including the newline: a JSON object that ends with its checksum. `decodeLine`
 * restores non-finite numbers.
 */
export function encodeLine(value: object, before: Chain): { line: string; chain: Chain } {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'number' && !Number.isFinite(part) ? { $number: String(part) } : part,
  );
  const sum = crcOf(text, before);
  const key = before === undefined ? 'crc' : 'chain';
  return { line: `${text.slice(0, -1)},"${key}":"${sum}"}\n`, chain: before === undefined ? undefined : sum };
}

/**
 * Returns the object in one line of a journal without its newline, and removes the checksum.
 * @param before the checksum of the lines before; it may belong to no line yet, and then the line's own key counts
 * @throws {Error} that says what is wrong with the line, as a continuation of the line's name
 */
export function decodeLine(line: string, before: Chain): { value: Record<string, unknown>; chain: Chain } {
  const [end = '', key, sum] = checksum.exec(line) ?? [];
  const text = sum === undefined ? line : `${line.slice(0, -end.length)}}`;
  let value: unknown;
  try {
    value = JSON.parse(text, (_key, part: unknown) => revive(part));
  } catch {
    throw new Error('is damaged: it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('is damaged: it is not a journal record');
  }
  if (sum === undefined) {
    throw new Error('is damaged, or was written by an earlier prunegrid: it has no checksum');
  }
  const isAlone = key === 'crc' && (before === undefined || before === FIRST_CHECKSUM);
  if (key === 'crc' && !isAlone) throw new Error('is damaged: its checksum does not cover the lines before');
  if (sum !== crcOf(text, isAlone ? undefined : before)) throw new Error('is damaged: its checksum is another one');
  return { value: value as Record<string, unknown>, chain: isAlone ? undefined : sum };
}

/** Whether a text ends as a whole line does that has lost its newline to another character. */
export const hasLostItsEnd = (text: string): boolean => /,"(chain|crc)":"[0-9a-f]{8}"\}[^]$/.test(text);

const crcOf = (text: string, before: Chain): string =>
  crc32(text, parseInt(before ?? FIRST_CHECKSUM, 16))
    .toString(16)
    .padStart(8, '0');

function revive(part: unknown): unknown {
  if (typeof part !== 'object' || part === null || !('$number' in part)) return part;
  return nonFinite[String(part.$number)] ?? part;
}

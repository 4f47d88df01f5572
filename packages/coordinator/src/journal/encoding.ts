import type { Recorded } from '../training/records.js';

/**
 * JSON has no NaN and no infinities, and a loss may well become one. They are written as `{"$number":"NaN"}`,
 * `"Infinity"` and `"-Infinity"`: an object, since a bare string could as well be a host's or an experiment's name.
 */
const nonFinite: Record<string, number> = { NaN, Infinity, '-Infinity': -Infinity };

/** One line of the journal, newline included. Non-finite numbers survive the way through `decodeRecord`. */
export function encodeRecord(record: Recorded<object>): string {
  const text = JSON.stringify(record, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? { $number: String(value) } : value,
  );
  return `${text}\n`;
}

/**
 * The record in one line of the journal. Throws an `Error` that says what is wrong with the line: not JSON, not a
 * record, or another `seq` than `expectedSeq`.
 */
export function decodeRecord(line: string, expectedSeq: number): Recorded<{ type: string }> {
  let value: unknown;
  try {
    value = JSON.parse(line, (_key, part: unknown) => revive(part));
  } catch {
    throw new Error('is damaged: it is not JSON');
  }
  if (!isRecord(value)) throw new Error('is damaged: it is not a journal record');
  if (value.seq !== expectedSeq)
    throw new Error(`has seq ${value.seq} where ${expectedSeq} is due: lines are missing or doubled`);
  return value;
}

function revive(part: unknown): unknown {
  if (typeof part !== 'object' || part === null || !('$number' in part)) return part;
  return nonFinite[String(part.$number)] ?? part;
}

function isRecord(value: unknown): value is Recorded<{ type: string }> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'seq' in value &&
    typeof value.seq === 'number' &&
    'time' in value &&
    typeof value.time === 'number' &&
    'type' in value &&
    typeof value.type === 'string'
  );
}

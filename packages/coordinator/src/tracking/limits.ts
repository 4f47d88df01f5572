import { createHash } from 'node:crypto';

/** One value of a metric. MLflow identifies a point by all four fields, so sending it again changes nothing. */
export interface Metric {
  key: string;
  value: number;
  /** Unix milliseconds, fixed when the value was measured. */
  timestamp: number;
  step: number;
  /** The MLflow id of the model that it measures, if any. */
  model_id?: string;
}

/** A param, which never changes, or a tag, which may be set again. */
export interface Entry {
  key: string;
  value: string;
}

export interface Batch {
  params: Entry[];
  tags: Entry[];
  metrics: Metric[];
}

/**
 * The limits of an MLflow server for one call of runs/log-batch. The body is counted in bytes, which is the stricter
 * reading.
 */
export const batchLimits = { params: 100, tags: 100, metrics: 1000, items: 1000, bytes: 1_000_000 };
export const paramLength = 6000;
export const tagLength = 8000;
const keyLength = 250;

/**
 * Returns `key` with only the characters and the length that every MLflow server accepts. A changed key ends in a hash
 * of the original, so that two keys never become equal.
 */
export function safeKey(key: string): string {
  const safe = key
    .replace(/[^\w\-. /]/g, '_')
    .split('/')
    .map((part) => (/^\.{0,2}$/.test(part) ? '_' : part))
    .join('/');
  if (safe === key && key.length <= keyLength) return key;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 8);
  return `${safe.slice(0, keyLength - hash.length - 1)}-${hash}`;
}

/** Returns `value` shortened to at most `length` characters. A shortened value says so at its end. */
export function cutTo(length: number, value: string): string {
  if (value.length <= length) return value;
  const note = ` ... [cut: ${value.length} characters]`;
  // Half of a surrogate pair at the end could not be encoded as UTF-8.
  return value.slice(0, length - note.length).replace(/[\uD800-\uDBFF]$/, '') + note;
}

/** Divides params, tags and metrics, in this order, into batches within the limits. */
export function batches({ params, tags, metrics }: Batch, limits = batchLimits): Batch[] {
  const dealt: Batch[] = [];
  // The run's id and the names of the lists also take up part of the body.
  const envelope = 200;
  let batch: Batch = { params: [], tags: [], metrics: [] };
  let items = 0;
  let bytes = envelope;
  const add = <K extends keyof Batch>(kind: K, item: Batch[K][number]) => {
    const size = Buffer.byteLength(JSON.stringify(item)) + 10;
    if (items === limits.items || batch[kind].length === limits[kind] || bytes + size > limits.bytes) {
      dealt.push(batch);
      batch = { params: [], tags: [], metrics: [] };
      items = 0;
      bytes = envelope;
    }
    (batch[kind] as Batch[K][number][]).push(item);
    items += 1;
    bytes += size;
  };
  for (const param of params) add('params', param);
  for (const tag of tags) add('tags', tag);
  for (const metric of metrics) add('metrics', metric);
  if (items > 0) dealt.push(batch);
  return dealt;
}

import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { Failure } from '@prunegrid/core/failure';
import type { Journal } from '../journal/journal.js';
import { metricLine, metricsOf } from './metrics.js';
import type { JournalRecord } from './records.js';

/**
 * Writes `metrics.jsonl` beside the journal, a line for each record that bears metrics. It can always be derived again from the journal, so
 * it is not synced and a write that fails is told by `close` alone.
 * @param past what the journal holds already
 */
export function recordMetrics(journal: Journal, past: readonly JournalRecord[] = []): { close(): Promise<void> } {
  const file = join(journal.folder, 'metrics.jsonl');
  const stream = createWriteStream(file);
  const written = finished(stream).catch((cause: Error) => {
    throw new Failure('environment', `${file} cannot be written: ${cause.message}`, { cause });
  });
  // Handled when close() awaits it; until then it must not count as unhandled.
  written.catch(() => undefined);
  const write = (record: JournalRecord) => {
    const point = metricsOf(record);
    if (point !== null && stream.writable) stream.write(metricLine(record.time, point));
  };
  past.forEach(write);
  const unsubscribe = journal.subscribe(write);
  return {
    async close() {
      unsubscribe();
      stream.end();
      await written;
    },
  };
}

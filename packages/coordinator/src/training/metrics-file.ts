import { writeFailure } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';
import type { Journal } from '../journal/journal.js';
import { metricLine, metricsOf } from './metrics.js';
import type { JournalRecord, RunEvent } from './records.js';

/**
 * Writes `metrics.jsonl` beside the journal, a line for each record that bears metrics. It can always be derived again
 * from the journal, so it is not synced, and `close` alone tells of a write that fails.
 * @param past what the journal holds already
 */
export function recordMetrics(
  { files }: Pick<Host, 'files'>,
  journal: Pick<Journal<RunEvent>, 'folder' | 'subscribe'>,
  past: readonly JournalRecord[] = [],
): { close(): Promise<void> } {
  const file = join(journal.folder, 'metrics.jsonl');
  const opened = files.open(file, 'replace');
  let position = 0;
  let written: Promise<unknown> = opened;
  const write = (record: JournalRecord) => {
    const point = metricsOf(record);
    if (point === null) return;
    const line = Buffer.from(metricLine(record.time, point));
    const at = position;
    position += line.length;
    written = written.then(() => opened).then((handle) => handle.write(line, at));
    // Whoever closes the file learns of it.
    written.catch(() => undefined);
  };
  written.catch(() => undefined);
  past.forEach(write);
  const unsubscribe = journal.subscribe(write);
  return {
    async close() {
      unsubscribe();
      try {
        await written.finally(async () => (await opened).close());
      } catch (error) {
        throw writeFailure(file, error);
      }
    },
  };
}

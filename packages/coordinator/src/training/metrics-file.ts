import { writeFailure } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';
import type { Journal } from '../journal/journal.js';
import { metricLine, metricsOf } from './metrics.js';
import type { JournalRecord, RunEvent } from './records.js';

/**
 * Writes `metrics.jsonl` beside the journal, with one line for each record that has metrics. The file can always be
 * derived from the journal, so it is not synced, and only `close` reports a failed write.
 * @param past records that the journal already holds
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
    // The caller of `close` receives this error.
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

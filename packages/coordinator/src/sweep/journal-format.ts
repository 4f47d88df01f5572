import type { JournalFormat } from '../journal/format.js';
import { type SweepEvent, sweepEventSchema } from './records.js';

/** The journal of a sweep. */
export const sweepJournal: JournalFormat<SweepEvent> = {
  name: 'prunegrid.sweep-journal',
  version: 2,
  earlier: [1],
  schema: sweepEventSchema,
};

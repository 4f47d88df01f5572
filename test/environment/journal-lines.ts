import { type Chain, FIRST_CHECKSUM } from '../../packages/coordinator/src/journal/encoding.js';
import { encodeRecord } from '../../packages/coordinator/src/journal/format.js';
import { type JournalRecord, runJournal } from '../../packages/coordinator/src/training/records.js';

/** Returns the lines of a run's journal with these records. */
export function linesOf(records: readonly JournalRecord[]): string[] {
  let chain: Chain = FIRST_CHECKSUM;
  return records.map((record) => {
    const encoded = encodeRecord(runJournal, record, chain);
    ({ chain } = encoded);
    return encoded.line;
  });
}

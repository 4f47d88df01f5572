import { type Chain, FIRST_CHECKSUM } from '@prunegrid/coordinator/journal/encoding';
import { encodeRecord } from '@prunegrid/coordinator/journal/format';
import { type JournalRecord, runJournal } from '@prunegrid/coordinator/training/records';

/** Returns the lines of a run's journal with these records. */
export function linesOf(records: readonly JournalRecord[]): string[] {
  let chain: Chain = FIRST_CHECKSUM;
  return records.map((record) => {
    const encoded = encodeRecord(runJournal, record, chain);
    ({ chain } = encoded);
    return encoded.line;
  });
}

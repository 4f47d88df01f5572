import { Failure } from '@prunegrid/core/failure';
import { isDeepStrictEqual } from 'node:util';

import type { Trainer } from '../cluster/index.js';
import type { Journal } from '../journal/journal.js';
import { readJournal } from '../journal/reading.js';
import type { JournalRecord, RunEvent, RunManifest } from './records.js';
import { readSnapshot, removeSnapshot, type Snapshot } from './snapshot.js';

/** What is known of a run that goes on. */
export interface ResumeState {
  manifest: RunManifest;
  snapshot: Snapshot;
  records: readonly JournalRecord[];
}

/** Undefined where the folder's run cannot go on and has to begin anew: it was not saved, or what was is damaged. */
export async function readResumeState(folder: string): Promise<ResumeState | undefined> {
  const snapshot = await readSnapshot(folder);
  if (!snapshot) return undefined;
  const records = await readJournal(folder).catch(() => []);
  const [first] = records;
  if (records.length < snapshot.seq || first.type !== 'run-started') return undefined;
  return { manifest: first.manifest, snapshot, records };
}

/** Whether trainers have the data that the run was trained on. */
export const hasDataOf = ({ manifest }: ResumeState, { ready }: Pick<Trainer, 'ready'>): boolean =>
  manifest.dataset.sha256 === ready.datasetHash;

/** Where a run's events go. */
export interface RunLog {
  /** As Journal.append: in the order of the calls. */
  append: (event: RunEvent, told?: Promise<unknown>) => Promise<JournalRecord>;
  /** The `seq` of the next record. */
  readonly nextSeq: number;
}

/** What each process writes anew, whatever the others have written. */
const ofOneProcess: readonly RunEvent['type'][] = ['run-resumed', 'trainer-joined', 'run-failed'];

/**
 * The journal of a run that goes on from a snapshot. What had happened after the snapshot happens again, and is not written twice but held against
 * what is there: it must be the same. Where it is not, `append` throws Failure, and the run can only begin anew.
 */
export function replay(journal: Journal, { snapshot, records }: Pick<ResumeState, 'snapshot' | 'records'>): RunLog {
  const again = records.slice(snapshot.seq).filter(({ type }) => !ofOneProcess.includes(type));
  return {
    get nextSeq() {
      return again[0]?.seq ?? journal.nextSeq;
    },
    async append(event, told) {
      const known = again.shift();
      if (!known) return journal.append(event, told);
      await told;
      if (isDeepStrictEqual(timeless(known), timeless(event))) return known;
      await removeSnapshot(journal.folder);
      throw new Failure(
        'trainers',
        `${journal.folder}: ${event.type} differs from record ${known.seq} of before: other trainers than then? It has to begin anew`,
      );
    },
  };
}

/** What must be the same when it happens again, as the journal has it. */
function timeless(event: RunEvent & { seq?: number; time?: number; imagesPerSecond?: number }): unknown {
  const timed = { seq: undefined, time: undefined, imagesPerSecond: undefined };
  return JSON.parse(JSON.stringify({ ...event, ...timed }));
}

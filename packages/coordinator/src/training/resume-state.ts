import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { isDeepStrictEqual } from 'node:util';

import type { Trainer } from '../cluster/index.js';
import type { Journal } from '../journal/journal.js';
import { readJournal } from '../journal/reading.js';
import { type JournalRecord, type RunEvent, runJournal, type RunManifest } from './records.js';
import { type Generation, readSnapshot, type Snapshot } from './snapshot.js';

/** What is known of a run that is to be resumed. */
export interface ResumeState {
  manifest: RunManifest;
  snapshot: Snapshot;
  /** Where the snapshot lies: the next one takes the other place. */
  generation: Generation;
  records: readonly JournalRecord[];
  /** The last process that resumed the run found that what it repeated came out differently. The same trainers will find it again. */
  diverged: boolean;
}

/** A run's folder as far as the run can be resumed from it. */
export interface Resumable {
  /** Undefined if the run can only begin anew: it was not saved, or all that was saved is damaged. */
  resumeState?: ResumeState;
  /** What could not be used, a line each: a damaged snapshot, or a damaged journal. */
  problems: readonly string[];
}

/** Reads from what a run can be resumed. Nothing is changed in its folder. */
export async function readResumeState(host: Pick<Host, 'clock' | 'files'>, folder: string): Promise<Resumable> {
  let records: JournalRecord[];
  try {
    records = await readJournal(host, folder, runJournal);
  } catch (error) {
    return { problems: [(error as Error).message] };
  }
  const [first] = records;
  const { newest, problems } = await readSnapshot(host, folder, (seq) => seq <= records.length);
  if (!newest || first?.type !== 'run-started') return { problems };
  const last = records.at(-1);
  const diverged = last?.type === 'run-failed' && last.kind === replayKind;
  return { resumeState: { manifest: first.manifest, ...newest, records, diverged }, problems };
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

/** What each process writes for itself, whatever the others have written. */
const ofOneProcess: readonly RunEvent['type'][] = ['run-resumed', 'trainer-joined', 'run-failed'];

/** The kind of `run-failed` that tells of a ReplayMismatch. */
export const replayKind = 'replay';

/** What a resumed run repeats came out differently than before. */
export class ReplayMismatch extends Failure {}

/**
 * The journal of a run that is resumed from a snapshot. What had happened after the snapshot happens again, and is not written twice but held against
 * what is there: it must be the same. If it is not, `append` rejects with a ReplayMismatch. The snapshot stays: on trainers of the kind that
 * computed it, the run can still be resumed.
 */
export function replay(
  journal: Pick<Journal<RunEvent>, 'append' | 'folder' | 'nextSeq'>,
  { snapshot, records }: { snapshot: Pick<Snapshot, 'seq'>; records: readonly JournalRecord[] },
): RunLog {
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
      throw new ReplayMismatch(
        'trainers',
        `${journal.folder}: ${event.type} differs from record ${known.seq} of before: resume it on trainers with the processor and engine of then, or begin anew`,
      );
    },
  };
}

/** What must be the same when it happens again, as the journal has it. */
function timeless(event: RunEvent & { seq?: number; time?: number; imagesPerSecond?: number }): unknown {
  const timed = { seq: undefined, time: undefined, imagesPerSecond: undefined };
  return JSON.parse(JSON.stringify({ ...event, ...timed }));
}

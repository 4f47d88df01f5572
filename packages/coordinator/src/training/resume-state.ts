import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { models } from '@prunegrid/trainer/models';
import { isDeepStrictEqual } from 'node:util';

import type { Trainer } from '../cluster/index.js';
import type { Journal } from '../journal/journal.js';
import { readJournal } from '../journal/reading.js';
import { type Evaluation, type JournalRecord, type RunEvent, runJournal, type RunManifest } from './records.js';
import { type Generation, readSnapshot } from './snapshot.js';
import { beginning, readStageEnd, type ResumePoint } from './stage-end.js';

/** State from which a run is resumed. */
export interface ResumeState {
  manifest: RunManifest;
  point: ResumePoint;
  /** Generation of the newest snapshot, if there is one. The next snapshot replaces the other one. */
  generation?: Generation;
  records: readonly JournalRecord[];
  /** Paths of damaged snapshots, which are set aside when the run is resumed. */
  damaged?: readonly string[];
  /** Whether the replay of the last resume gave different results. On the same trainers it would do so again. */
  diverged: boolean;
}

/** Result of looking for a state to resume in a run's folder. */
export interface Resumable {
  /** Absent if the run must restart, because its journal does not tell what it is, or is damaged. */
  resumeState?: ResumeState;
  /** Files that are damaged and not usable, such as a snapshot or the journal, one line each. */
  problems: readonly string[];
}

/** Reads the state from which a run can be resumed. It changes nothing in the run's folder. */
export async function readResumeState(host: Pick<Host, 'clock' | 'files'>, folder: string): Promise<Resumable> {
  let records: JournalRecord[];
  try {
    records = await readJournal(host, folder, runJournal);
  } catch (error) {
    return { problems: [(error as Error).message] };
  }
  const [first] = records;
  if (first?.type !== 'run-started') return { problems: [] };
  const { manifest } = first;
  const { newest, problems, damaged } = await readSnapshot(host, folder, (seq) => seq <= records.length);
  const model = models.get(manifest.spec.model);
  const later = await readStageEnd(host, folder, { model, records, after: newest?.snapshot.seq ?? 0 });
  problems.push(...later.problems);
  const point = later.end ?? newest?.snapshot ?? beginning;
  const last = records.at(-1);
  const diverged = last?.type === 'run-failed' && last.kind === replayKind;
  return {
    resumeState: { manifest, point, ...(newest && { generation: newest.generation }), records, diverged, damaged },
    problems,
  };
}

/** Whether a trainer has the same data as the trainers that started the run. */
export const hasDataOf = ({ manifest }: ResumeState, { ready }: Pick<Trainer, 'ready'>): boolean =>
  manifest.dataset.sha256 === ready.datasetHash;

/** Destination of a run's events. */
export interface RunLog {
  /** Appends an event in the order of the calls, as Journal.append does. */
  append: (event: RunEvent, told?: Promise<unknown>) => Promise<JournalRecord>;
  /** Number `seq` of the next record. */
  readonly nextSeq: number;
}

/** Events that each process records for itself and that a replay does not compare. */
const ofOneProcess: readonly RunEvent['type'][] = ['run-resumed', 'trainer-joined', 'run-failed'];

/** Kind of a `run-failed` event that is caused by a ReplayMismatch. */
export const replayKind = 'replay';

/** The replay of a resumed run gave other results than the records in its journal. */
export class ReplayMismatch extends Failure {}

/**
 * Returns the log of a run that is resumed. The events after the point from which it is resumed occur again. They are not
 * appended but compared with the journal's records, and `append` rejects with a ReplayMismatch if they differ. What
 * was saved stays, so that trainers of the original kind can still resume the run.
 */
export function replay(
  journal: Pick<Journal<RunEvent>, 'append' | 'folder' | 'nextSeq'>,
  { point, records }: { point: Pick<ResumePoint, 'seq'>; records: readonly JournalRecord[] },
): RunLog {
  const again = records.slice(point.seq).filter(({ type }) => !ofOneProcess.includes(type));
  return {
    get nextSeq() {
      return again[0]?.seq ?? journal.nextSeq;
    },
    async append(event, told) {
      const known = again.shift();
      if (!known) return journal.append(event, told);
      await told;
      if (isDeepStrictEqual(timeless(known), timeless(asMeasuredIn(known, event)))) return known;
      throw new ReplayMismatch(
        'trainers',
        `${journal.folder}: ${event.type} differs from record ${known.seq} of before: resume it on trainers with the processor and engine of then, or begin anew`,
      );
    },
  };
}

/** Returns the event without top-5 accuracies if the record of an earlier release has none. */
function asMeasuredIn(known: JournalRecord, event: RunEvent): RunEvent {
  if (!('validation' in known) || !('validation' in event) || known.validation.top5 !== undefined) return event;
  const without = ({ top5: _, ...rest }: Evaluation): Evaluation => rest;
  const validation = without(event.validation);
  return event.type === 'evaluated' ? { ...event, validation, test: without(event.test) } : { ...event, validation };
}

/** Returns the part of an event that must be equal in a replay, in the journal's encoding. */
function timeless(event: RunEvent & { seq?: number; time?: number; imagesPerSecond?: number }): unknown {
  const timed = { seq: undefined, time: undefined, imagesPerSecond: undefined };
  const result = event.type === 'run-finished' && { result: { ...event.result, seconds: undefined } };
  return JSON.parse(JSON.stringify({ ...event, ...timed, ...result }));
}

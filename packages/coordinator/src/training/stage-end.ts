import type { Host } from '@prunegrid/core/runtime';
import type { ModelDescription } from '@prunegrid/trainer/models';
import { join } from 'node:path';

import type { PhaseName } from '../experiment/spec.js';
import { type Checkpoint, readCheckpoint } from './model-file.js';
import type { JournalRecord } from './records.js';
import { checkpointFile } from './run-folder.js';
import type { StoredSnapshot } from './snapshot.js';

/**
 * The position between two phases, of which a checkpoint holds the weights. The next phase starts with fresh moments,
 * so nothing else is needed to resume the run from there.
 */
export interface StageEnd {
  /** Number of records in the journal up to this position. */
  seq: number;
  /** The phase that comes next. None of its steps is done. */
  phase: PhaseName;
  steps: 0;
  /** Finished epochs of the run. */
  totalEpochs: number;
  /** Seconds of training in the run so far. */
  seconds: number;
  /** Reads the checkpoint, which is intact. */
  checkpoint: () => Promise<Checkpoint>;
}

/**
 * The position before anything has been computed. The manifest in the journal's first record holds all that is needed to
 * resume the run from there.
 */
export interface Beginning {
  seq: 1;
  phase: 'dense';
  steps: 0;
  totalEpochs: 0;
  seconds: 0;
}

export const beginning: Beginning = { seq: 1, phase: 'dense', steps: 0, totalEpochs: 0, seconds: 0 };

/** Position from which a run is resumed: within a phase, between two phases, or at the very beginning. */
export type ResumePoint = StoredSnapshot | StageEnd | Beginning;

export const isSnapshot = (point: ResumePoint): point is StoredSnapshot => 'trained' in point;
export const isStageEnd = (point: ResumePoint): point is StageEnd => 'checkpoint' in point;

/** The stages whose end a run can be resumed from, the last one first. */
const stages = [
  { stage: 'hardPruned', file: checkpointFile('hard-pruned'), phase: 'retrain' },
  { stage: 'dense', file: checkpointFile('dense'), phase: 'prune' },
] as const;

/**
 * Reads the last end of a stage whose checkpoint is intact, among those after record number `after` of the journal. It
 * also returns why later ones are not usable, one line each.
 */
export async function readStageEnd(
  host: Pick<Host, 'clock' | 'files'>,
  folder: string,
  { model, records, after }: { model: ModelDescription; records: readonly JournalRecord[]; after: number },
): Promise<{ end?: StageEnd; problems: string[] }> {
  const problems: string[] = [];
  for (const { stage, file, phase } of stages) {
    const index = records.findIndex((record) => record.type === 'evaluated' && record.stage === stage);
    const record = records[index];
    if (record?.type !== 'evaluated' || index < after) continue;
    try {
      const checkpoint = () => readCheckpoint(host, join(folder, file), model);
      await checkpoint();
      const { totalEpochs } = record;
      const seconds = secondsOf(records.slice(0, index + 1));
      return { end: { seq: index + 1, phase, steps: 0, totalEpochs, seconds, checkpoint }, problems };
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { problems };
}

/** Returns the seconds that the records span, without the time between an interruption and the resume. */
function secondsOf(records: readonly JournalRecord[]): number {
  let milliseconds = 0;
  for (const [i, { type, time }] of records.entries()) {
    if (i > 0 && type !== 'run-resumed') milliseconds += time - records[i - 1].time;
  }
  return milliseconds / 1000;
}

import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';

import type { PhaseName } from '../experiment/spec.js';
import { readJournal } from '../journal/reading.js';
import { type JournalRecord, runJournal } from '../training/records.js';
import type { SweepState } from './state.js';

/** Progress of a running job, read from the journal of its run. */
export interface JobProgress {
  /** Number of the trial; absent for a dense network that trials share. */
  trial?: number;
  /** The `denseKey` of such a network; absent for a trial. */
  dense?: string;
  trainers: number[];
  phase: PhaseName;
  /** Number of finished epochs in the phase, out of `epochs`. */
  epoch: number;
  epochs: number;
  /** Number of finished epochs of the run, those of a dense network included that it took over. */
  totalEpochs: number;
  /** Share of correct answers in training over the latest epoch. */
  trained?: number;
  /** Held-out accuracy after the latest epoch. */
  heldOut?: number;
  imagesPerSecond?: number;
}

/** Returns the progress of all running jobs, except those that have not started their first phase. */
export async function progressOf(
  runtime: Pick<Host, 'files'>,
  folder: string,
  { trials, dense }: SweepState,
): Promise<JobProgress[]> {
  const running = [
    ...[...dense]
      .filter(([, { status }]) => status === 'running')
      .map(([key, { folder: place = '', trainers }]) => ({ place, trainers, dense: key })),
    ...[...trials]
      .filter(([, { status }]) => status === 'running')
      .map(([trial, { folder: place = '', trainers }]) => ({ place, trainers, trial })),
  ];
  const found = await Promise.all(
    running.map(async ({ place, ...work }) => {
      // The journal may not exist, because the sweep records an attempt before the run creates its journal.
      const records = await readJournal(runtime, join(folder, place), runJournal).catch((): JournalRecord[] => []);
      const phase = records.findLast((record) => record.type === 'phase-started');
      const last = records.findLast((record) => record.type === 'epoch-finished');
      if (!phase) return [];
      const measured = last && {
        trained: last.trainAccuracy,
        heldOut: last.validation.accuracy,
        imagesPerSecond: last.imagesPerSecond,
      };
      const before = records.findLast((record) => record.type === 'evaluated')?.totalEpochs ?? 0;
      const epoch = last?.phase === phase.phase ? last.epoch : 0;
      return [
        {
          ...work,
          phase: phase.phase,
          epoch,
          epochs: phase.epochs,
          totalEpochs: last?.totalEpochs ?? before,
          ...measured,
        },
      ];
    }),
  );
  return found.flat();
}

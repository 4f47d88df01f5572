import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';

import type { PhaseName } from '../experiment/spec.js';
import { readJournal } from '../journal/reading.js';
import { type JournalRecord, runJournal } from '../training/records.js';
import type { SweepState } from './state.js';

/** How far a job under way has come, by its own run's journal. */
export interface WorkProgress {
  /** A trial's number; absent for a dense network that trials share. */
  trial?: number;
  trainers: number[];
  phase: PhaseName;
  /** Epochs of the phase that have finished, and all that it has. */
  epoch: number;
  epochs: number;
  /** Accuracy on the held-out images after the latest epoch. */
  heldOut?: number;
  imagesPerSecond?: number;
}

/** The progress of everything that is running; what has not begun its first phase yet is left out. */
export async function progressOf(
  runtime: Pick<Host, 'files'>,
  folder: string,
  { trials, dense }: SweepState,
): Promise<WorkProgress[]> {
  const running = [
    ...[...dense]
      .filter(([, { status }]) => status === 'running')
      .map(([, { folder: place = '', trainers }]) => ({ place, trainers })),
    ...[...trials]
      .filter(([, { status }]) => status === 'running')
      .map(([trial, { folder: place = '', trainers }]) => ({ place, trainers, trial })),
  ];
  const found = await Promise.all(
    running.map(async ({ place, ...work }) => {
      // It is announced before its journal is begun.
      const records = await readJournal(runtime, join(folder, place), runJournal).catch((): JournalRecord[] => []);
      const phase = records.findLast((record) => record.type === 'phase-started');
      const last = records.findLast((record) => record.type === 'epoch-finished');
      if (!phase) return [];
      const measured = last && { heldOut: last.validation.accuracy, imagesPerSecond: last.imagesPerSecond };
      const epoch = last?.phase === phase.phase ? last.epoch : 0;
      return [{ ...work, phase: phase.phase, epoch, epochs: phase.epochs, ...measured }];
    }),
  );
  return found.flat();
}

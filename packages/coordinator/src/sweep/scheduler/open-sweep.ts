import type { HeldLock } from '@prunegrid/core/locks/file-lock';
import type { Host } from '@prunegrid/core/runtime';

import { Journal } from '../../journal/journal.js';
import { readJournal } from '../../journal/reading.js';
import { commandLine } from '../../training/manifest.js';
import { hasBegun, type SweepFile } from '../folder.js';
import { sweepJournal } from '../journal-format.js';
import type { SweepEvent } from '../records.js';
import { SweepState } from '../state.js';
import { TrialIndex } from './trial-index.js';

/** A sweep that is about to be worked on: `state` follows the journal. */
export interface OpenSweep extends SweepFile {
  folder: string;
  state: SweepState;
  /** Index of the plan's trials. */
  index: TrialIndex;
  journal: Journal<SweepEvent>;
  /** Rejects after another process has taken over the folder. Nothing may be written to it then. */
  checkLock: HeldLock['check'];
}

/** First record of a new or resumed sweep. */
export type FirstEvent = Extract<SweepEvent, { type: 'sweep-started' | 'sweep-resumed' }>;

/** Returns the record that starts or resumes the sweep. */
export function beginning(
  { manifest, state }: Pick<OpenSweep, 'manifest' | 'state'>,
  changes: { again: number[]; added: number } = { again: [], added: 0 },
): FirstEvent {
  if (state.startedAt === 0) return { type: 'sweep-started', manifest };
  return { type: 'sweep-resumed', commandLine: commandLine(), ...changes };
}

/**
 * Opens the journal of a sweep, or creates it.
 * @param lock the lock on the folder, which the caller holds
 * @throws Failure if the journal is damaged or cannot be written
 */
export async function openSweep(
  runtime: Host,
  folder: string,
  sweep: SweepFile,
  lock: Pick<HeldLock, 'check'>,
): Promise<OpenSweep> {
  const checkLock = () => lock.check();
  const state = new SweepState(sweep.plan.trials);
  const begun = await hasBegun(runtime, folder);
  if (begun) for (const record of await readJournal(runtime, folder, sweepJournal)) state.apply(record);
  const options = { beforeWrite: checkLock };
  const journal = await (begun
    ? Journal.reopen(runtime, folder, sweepJournal, options)
    : Journal.create(runtime, folder, sweepJournal, options));
  journal.subscribe((record) => state.apply(record));
  return { ...sweep, folder, state, index: new TrialIndex(sweep.plan.trials), journal, checkLock };
}

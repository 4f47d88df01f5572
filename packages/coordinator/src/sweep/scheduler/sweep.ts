import { readJournal } from '../../journal/reading.js';
import { Journal } from '../../journal/journal.js';
import type { Recorded } from '../../training/records.js';
import { commandLine } from '../../training/manifest.js';
import { runTrials, type RunTrialsOptions } from './trials.js';
import { hasBegun, type SweepFile } from '../folder.js';
import type { SweepEvent } from '../records.js';
import { SweepState } from '../state.js';

/** A sweep that is about to be worked on: `state` follows the journal. */
export interface OpenSweep extends SweepFile {
  folder: string;
  state: SweepState;
  journal: Journal<SweepEvent>;
}

/**
 * Follows a sweep by its journal, such as the mirror to MLflow. It is called before anything is appended. What it returns is called
 * when the last record is written and awaited before the journal is closed, so it must come to an end.
 */
export type SweepSubscriber = (
  sweep: Pick<OpenSweep, 'folder' | 'journal'>,
  warn: (line: string) => void,
) => Promise<() => Promise<void>>;

export interface RunSweepOptions extends RunTrialsOptions {
  /** They are ended in this order: the report is written before the mirror sends it. */
  subscribers: readonly SweepSubscriber[];
  /** Sees each record after the state has taken it in. */
  onEvent: (record: Recorded<SweepEvent>) => void;
}

type First = Extract<SweepEvent, { type: 'sweep-started' | 'sweep-resumed' }>;

/** What the sweep's journal goes on with; for a sweep that has not begun, begins with. */
export function beginning(
  { manifest, state }: Pick<OpenSweep, 'manifest' | 'state'>,
  changes: { again: number[]; added: number } = { again: [], added: 0 },
): First {
  if (state.startedAt === 0) return { type: 'sweep-started', manifest };
  return { type: 'sweep-resumed', commandLine: commandLine(), ...changes };
}

/** Opens the journal of a sweep, whose folder the caller has locked, or begins it. Throws Failure where it is damaged. */
export async function openSweep(folder: string, sweep: SweepFile): Promise<OpenSweep> {
  const state = new SweepState(sweep.plan.trials);
  const begun = await hasBegun(folder);
  if (begun) for (const record of await readJournal<SweepEvent>(folder)) state.apply(record);
  const journal = await (begun ? Journal.reopen<SweepEvent>(folder) : Journal.create<SweepEvent>(folder));
  journal.subscribe((record) => state.apply(record));
  return { ...sweep, folder, state, journal };
}

/** Writes `first` into the sweep's journal, works through all trials that are waiting then, and closes the journal. Rejects as `execute` does. */
export async function runSweep(
  sweep: OpenSweep,
  first: First,
  { subscribers, onEvent, ...options }: RunSweepOptions,
): Promise<void> {
  const { folder, state, journal } = sweep;
  journal.subscribe(onEvent);
  const ends: (() => Promise<void>)[] = [];
  try {
    for (const subscribe of subscribers) ends.push(await subscribe(sweep, options.warn));
    await journal.append(first);
    await runTrials(folder, sweep, state, journal, options);
  } finally {
    for (const end of ends) await end().catch((error: Error) => options.warn(error.message));
    await journal.close();
  }
}

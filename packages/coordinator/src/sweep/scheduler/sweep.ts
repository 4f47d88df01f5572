import { nodeHost } from '@prunegrid/core/node';
import { readJournal } from '../../journal/reading.js';
import { Journal } from '../../journal/journal.js';
import type { Recorded } from '../../journal/encoding.js';
import { type Mirror, startSweepMirror } from '../../tracking/mirror.js';
import { destinationOf } from '../../tracking/sync.js';
import { commandLine } from '../../training/manifest.js';
import { runTrials, type RunTrialsOptions } from './trials.js';
import { hasBegun, type SweepFile } from '../folder.js';
import type { SweepEvent } from '../records.js';
import { sweepJournal } from '../journal-format.js';
import { SweepState } from '../state.js';

/** How long the end of a sweep waits for MLflow to take the rest, in milliseconds. */
const DRAIN_MS = 30_000;

/** A sweep that is about to be worked on: `state` follows the journal. */
export interface OpenSweep extends SweepFile {
  folder: string;
  state: SweepState;
  journal: Journal<SweepEvent>;
}

export interface RunSweepOptions extends RunTrialsOptions {
  /** The MLflow server that follows the sweep; by default that of before, or the environment's. */
  mlflow?: string | undefined;
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
  if (begun) for (const record of await readJournal(nodeHost, folder, sweepJournal)) state.apply(record);
  const journal = await (begun
    ? Journal.reopen(nodeHost, folder, sweepJournal)
    : Journal.create(nodeHost, folder, sweepJournal));
  journal.subscribe((record) => state.apply(record));
  return { ...sweep, folder, state, journal };
}

/** Writes `first` into the sweep's journal, works through all trials that are waiting then, and closes the journal. Rejects as `execute` does. */
export async function runSweep(
  sweep: OpenSweep,
  first: First,
  { mlflow, onEvent, ...options }: RunSweepOptions,
): Promise<void> {
  const { folder, state, journal } = sweep;
  journal.subscribe(onEvent);
  let mirror: Mirror | undefined;
  try {
    const destination = await destinationOf(folder, { ...(mlflow && { url: mlflow }) });
    if (destination) mirror = startSweepMirror({ ...destination, folder, journal, warn: options.warn });
    await journal.append(first);
    await runTrials(folder, sweep, state, journal, options);
  } finally {
    await report(folder).catch((error: Error) => options.warn(error.message));
    await mirror?.drain(DRAIN_MS);
    await journal.close();
  }
}

/** A picture of how far the sweep has come, also for MLflow, which has it from the sweep's folder. */
async function report(folder: string): Promise<void> {
  // What draws is loaded only when there is something to draw.
  const [{ readReport }, { writeReport }] = await Promise.all([
    import('../../report/sweep/data.js'),
    import('../../report/sweep/write.js'),
  ]);
  await writeReport(await readReport(folder));
}

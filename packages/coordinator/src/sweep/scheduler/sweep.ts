import type { Recorded } from '../../journal/encoding.js';
import type { SweepEvent } from '../records.js';
import type { FirstEvent, OpenSweep } from './open-sweep.js';
import type { RunTrialsOptions } from './options.js';
import { runTrials } from './trials.js';

export { beginning, type FirstEvent, openSweep, type OpenSweep } from './open-sweep.js';
export { type SweepResources, sweepResources } from './resources.js';

/**
 * Follows a sweep by its journal, such as the mirror to MLflow. It is called before anything is appended. What it
 * returns is called when the last record is written and awaited before the journal is closed, so it must come to an
 * end.
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

/**
 * Writes `first` into the sweep's journal, works through all trials that are waiting then, and closes the journal.
 * Rejects as `runTrials` does.
 */
export async function runSweep(
  sweep: OpenSweep,
  first: FirstEvent,
  { subscribers, onEvent, ...options }: RunSweepOptions,
): Promise<void> {
  const { journal } = sweep;
  journal.subscribe(onEvent);
  const ends: (() => Promise<void>)[] = [];
  try {
    for (const subscribe of subscribers) ends.push(await subscribe(sweep, options.warn));
    await journal.append(first);
    await runTrials(sweep, options);
  } finally {
    for (const end of ends) await end().catch((error: Error) => options.warn(error.message));
    await journal.close();
  }
}

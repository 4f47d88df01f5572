import type { Recorded } from '../../journal/encoding.js';
import type { SweepEvent } from '../records.js';
import type { FirstEvent, OpenSweep } from './open-sweep.js';
import type { RunTrialsOptions } from './options.js';
import { runTrials } from './trials.js';

export { beginning, type FirstEvent, openSweep, type OpenSweep } from './open-sweep.js';
export { type SweepResources, sweepResources } from './resources.js';

/**
 * Subscribes to the journal of a sweep, as the mirror to MLflow does. It is called before the first record is appended.
 * The function that it returns is called after the last record and awaited before the journal is closed, so it must
 * settle.
 */
export type SweepSubscriber = (
  sweep: Pick<OpenSweep, 'folder' | 'journal'>,
  warn: (line: string) => void,
) => Promise<() => Promise<void>>;

export interface RunSweepOptions extends RunTrialsOptions {
  /** Subscribers, which end in this order, so that the report is written before the mirror sends it. */
  subscribers: readonly SweepSubscriber[];
  /** Called with each record after the state has been updated with it. */
  onEvent: (record: Recorded<SweepEvent>) => void;
}

/**
 * Appends `first` to the sweep's journal, runs all waiting trials and closes the journal. It rejects as `runTrials`
 * does.
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

import { nodeHost } from '@prunegrid/core/node';
import { sweepFiles } from '../../packages/cli/src/api/sweep-subscribers.js';
import { type SyncOptions, type SyncResult, syncRun, syncSweep } from '../../packages/coordinator/src/tracking/sync.js';
import type { RunEvent } from '../../packages/coordinator/src/training/records.js';
import { sampleClock } from './sample-run.js';

/** What sending takes of the machine: nothing of the environment that the tests run in. */
export const sendingHere = { environment: {}, runtime: nodeHost };

const options = (given: Partial<SyncOptions>): SyncOptions => ({ ...sendingHere, warn: () => undefined, ...given });

/** `prunegrid sync` of a run. */
export const sendRun = (folder: string, given: Partial<SyncOptions> = {}): Promise<SyncResult> =>
  syncRun(folder, options(given));

/** `prunegrid sync` of a sweep. */
export const sendSweep = (folder: string, given: Partial<SyncOptions> = {}): Promise<SyncResult> =>
  syncSweep(folder, { ...options(given), sweepFiles });

export { sweepFiles };

/** Returns this machine with the sample run's clock. */
export const sampleHost = () => ({ ...nodeHost, clock: { ...nodeHost.clock, now: sampleClock() } });

export type Append = (event: RunEvent) => Promise<unknown>;

export async function appendAll(append: Append, events: RunEvent[]): Promise<void> {
  for (const event of events) await append(event);
}

import type { Runtime } from '@prunegrid/core/runtime';

import type { Launcher } from '../../launch/index.js';
import { Projector } from '../../training/projecting/index.js';
import type { NetworkClaims } from '../network-store.js';
import { FairShareScheduler } from './fair-share.js';

/** What all sweeps of one process share. */
export interface SweepResources {
  readonly runtime: Runtime;
  /** Starts the trainers of each sweep. */
  readonly launcher: Launcher;
  /** Says how many trainers may be at work, and for whom. */
  readonly scheduler: FairShareScheduler;
  /** Its threads prune the large layers of all trials. */
  readonly projector: Projector;
  readonly claims: NetworkClaims;
}

/**
 * @param trainers how many may be at work at the same time, over all sweeps; `Infinity` if those that are there are the
 * limit
 */
export const sweepResources = (runtime: Runtime, launcher: Launcher, trainers: number): SweepResources => ({
  runtime,
  launcher,
  scheduler: new FairShareScheduler(trainers, runtime.clock),
  projector: new Projector(runtime.clock),
  claims: new Set(),
});

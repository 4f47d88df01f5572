import type { Runtime } from '@prunegrid/core/runtime';

import { Projector } from '../../training/projecting/index.js';
import type { NetworkClaims } from '../network-store.js';
import { FairShareScheduler } from './fair-share.js';

/** Resources that all sweeps of one process share. */
export interface SweepResources {
  readonly runtime: Runtime;
  /** Decides how many trainers may work, and for which user. */
  readonly scheduler: FairShareScheduler;
  /** Projector whose threads prune the large layers of all trials. */
  readonly projector: Projector;
  readonly claims: NetworkClaims;
}

/**
 * @param trainers most trainers that may work at the same time in all sweeps; `Infinity` for no limit
 */
export const sweepResources = (runtime: Runtime, trainers: number): SweepResources => ({
  runtime,
  scheduler: new FairShareScheduler(trainers, runtime.clock),
  projector: new Projector(runtime),
  claims: new Set(),
});

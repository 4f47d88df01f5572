import { Failure } from '@prunegrid/core/failure';
import type { Clock } from '@prunegrid/core/runtime';
import type { Round } from '@prunegrid/numerics/rounds';
import { consecutiveShares } from '@prunegrid/numerics/shares';
import type { Train } from '@prunegrid/proto';

import type { PeerGroup } from '../../collectives/peer-group.js';
import type { ReductionPhase } from '../../reductions/index.js';
import type { TrainerChannel } from '../channel.js';
import type { SyncStrategy } from '../sync/sync-strategy.js';

/** One Train message, with what its rounds need of the lease. */
export interface RoundsTask {
  channel: TrainerChannel;
  generation: number;
  phase: Omit<ReductionPhase, 'generation' | 'shares'>;
  plan: Train;
  peers: PeerGroup | undefined;
  clock: Pick<Clock, 'monotonic'>;
}

/**
 * Returns the micro-batches of every global batch that a trainer computes.
 * @param microBatches the number of those of all trainers
 * @throws {Failure} `trainers` if the coordinator has dealt others
 */
export function microBatchesOf({ shares, rank }: Train, microBatches: number): number[] {
  const dealt = shares.reduce((sum, count) => sum + count, 0);
  if (dealt !== microBatches || rank >= shares.length) {
    throw new Failure(
      'trainers',
      `the coordinator dealt ${dealt} of ${microBatches} micro-batches: are both sides of one version?`,
    );
  }
  const { first, count } = consecutiveShares(shares)[rank];
  return Array.from({ length: count }, (_, i) => first + i);
}

/**
 * Consecutive rounds that run in one call, with one learning rate for each of their steps, and the round after them.
 */
export interface Stretch {
  rounds: readonly Round[];
  learningRates: readonly number[];
  next: Round | undefined;
}

/** How a trainer runs the rounds of a Train message. */
export interface RoundRunner {
  /** Milliseconds for which the engine has computed vectors while other trainers could be waiting for them. */
  readonly computingMs: number;
  /**
   * Waits until rounds may begin. Returns the number of rounds that may run in one call of `run`, or 0 if the
   * coordinator halts training.
   */
  granted(): Promise<number>;
  /** Runs rounds: adds their vectors to those of the other trainers, and updates W with the sums. */
  run(strategy: SyncStrategy, stretch: Stretch): Promise<void>;
  /** Ends the plan. It must be called both if the plan is done and if it has failed. */
  close(): Promise<void>;
}

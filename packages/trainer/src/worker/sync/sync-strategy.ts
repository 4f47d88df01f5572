import type { Round } from '@prunegrid/numerics/rounds';

import type { PartialSums } from '../../engines/index.js';

/** How a trainer computes its share of a round, and what it makes of everybody's. */
export interface SyncStrategy {
  /** What an exchange renews: each element by its owner, from the sum, or by this trainer itself. */
  readonly target: Float32Array;
  /**
   * Runs rounds without other trainers, which must have nothing to contribute. Returns the loss and the number of correct
   * answers of each step, [2 * steps]. Throws Failure if a loss is not finite, and the signal's reason if it aborts.
   */
  runAlone(rounds: readonly Round[], learningRates: readonly number[], signal: AbortSignal): Promise<Float32Array>;
  /**
   * Computes the sums over this trainer's micro-batches, as far as they are neighbours in the summation tree. Each vector is
   * [target.length + STEP_METRICS * round.count]. There is one learning rate for each step.
   */
  compute(round: Round, learningRates: readonly number[]): Promise<PartialSums>;
  /** Prepares what the round's first step needs ahead of time. */
  prepare(round: Round): void;
  /**
   * Begins to make W of everybody's sums.
   * @param tails over the global batch: mean loss and correct answers of each step
   * Throws Failure if a loss is not finite, before anything is changed.
   */
  beginUpdate(round: Round, tails: Float32Array, learningRates: readonly number[]): Promise<void>;
  /** Writes the new values of the elements from `from` on into `target`; `sum` is theirs, and may be overwritten. */
  applyUpdate(from: number, sum: Float32Array): void | Promise<void>;
  /** Ends the round: `target` is complete. */
  commit(round: Round): Promise<void>;
  close(): void;
}

import type { Round } from '@prunegrid/numerics/rounds';

import type { PartialSums } from '../../engines/index.js';

/** Defines what a trainer computes in a round, and how W is updated with the sums over all trainers. */
export interface SyncStrategy {
  /**
   * The vector that an exchange updates. Each element is computed from the sum, either by the trainer that owns it or
   * by this trainer.
   */
  readonly target: Float32Array;
  /**
   * Runs rounds without other trainers, which must have no micro-batches. Returns the loss and the number of correct
   * answers of each step, [2 * steps]. Throws Failure if a loss is not finite, and the signal's reason if the signal
   * aborts.
   */
  runAlone(rounds: readonly Round[], learningRates: readonly number[], signal: AbortSignal): Promise<Float32Array>;
  /**
   * Computes the sums over those of this trainer's micro-batches that are neighbours in the summation tree. Each vector
   * is [target.length + STEP_METRICS * round.count]. `learningRates` has one element for each step.
   */
  compute(round: Round, learningRates: readonly number[]): Promise<PartialSums>;
  /** Starts to prepare the data of the round's first step. */
  prepare(round: Round): void;
  /**
   * Begins to update W with the sums over all trainers.
   * @param tails the mean loss and the number of correct answers of each step, over the global batch
   * @throws {Failure} if a loss is not finite, before anything is changed
   */
  beginUpdate(round: Round, tails: Float32Array, learningRates: readonly number[]): Promise<void>;
  /**
   * Writes the new values of the elements that start at index `from` to `target`. `sum` is the sum of these elements,
   * and may be overwritten.
   */
  applyUpdate(from: number, sum: Float32Array): void | Promise<void>;
  /** Ends the round. All of `target` must have been updated. */
  commit(round: Round): Promise<void>;
  close(): void;
}

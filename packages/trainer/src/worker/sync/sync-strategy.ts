import type { Round } from '@prunegrid/numerics/rounds';

/** Nodes of the summation tree, with the sum of what lies below each. */
export type Nodes = readonly (readonly [node: number, vector: Float32Array])[];

/** How a trainer computes its share of a round, and what it makes of everybody's. */
export interface SyncStrategy {
  /** What the exchange makes anew: each element by its owner, from the sum, or by oneself. */
  readonly target: Float32Array;
  /** The sum over the own micro-batches, as far as they are neighbours: [target.length + TAIL * round.count], one learning rate for each step. */
  compute(round: Round, learningRates: readonly number[]): Nodes;
  /** Does ahead of time what the round's first step needs. */
  prepare(round: Round): void;
  /** @param tails over the global batch: mean loss and correct answers of each step. Throws Failure where a loss is not finite, before anything is moved. */
  beginUpdate(round: Round, tails: Float32Array, learningRates: readonly number[]): void;
  /** Writes what becomes of the elements from `from` on into `target`; `sum` is theirs, and may be changed. */
  applyUpdate(from: number, sum: Float32Array): void;
  /** `target` is complete. */
  commit(round: Round): void;
  close(): void;
}

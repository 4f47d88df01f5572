import { type Round, STEP_METRICS } from '@prunegrid/numerics/rounds';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';

import type { Replica } from '../replica.js';
import type { SyncStrategy, Nodes } from './sync-strategy.js';

/**
 * Local SGD (Stich 2019, arXiv 1805.09767): every micro-batch moves weights and moments of its own, and after a round all of them are averaged. It is the
 * micro-batches that do so, not the trainers, so the bits do not depend on the number of trainers; a trainer holds a replica for each of its own.
 */
export class LocalSgd implements SyncStrategy {
  readonly target: Float32Array;
  private readonly workers: readonly { microBatch: number; replica: Replica }[];

  constructor(
    private readonly replica: Replica,
    microBatches: readonly number[],
  ) {
    this.target = replica.stateVector();
    this.workers = microBatches.map((microBatch) => ({ microBatch, replica: replica.fork() }));
  }

  compute({ first }: Round, learningRates: readonly number[]): Nodes {
    const { leaves } = this.replica;
    const tree = new TreeSum();
    for (const { microBatch, replica } of this.workers) {
      const tails = learningRates.flatMap((rate, i) => {
        const [loss, correct] = replica.stepAlone(first + i, microBatch, rate);
        return [loss / leaves, correct];
      });
      const vector = new Float32Array(this.target.length + STEP_METRICS * learningRates.length);
      // `leaves` is a power of two: dividing by it is exact, and so the sum is the mean.
      replica.stateVector().forEach((value, i) => (vector[i] = value / leaves));
      vector.set(tails, this.target.length);
      tree.add(leaves + microBatch, vector);
    }
    return tree.nodes();
  }

  prepare({ first }: Round): void {
    for (const { microBatch, replica } of this.workers) replica.prepare(first, microBatch);
  }

  beginUpdate({ first }: Round, tails: Float32Array): void {
    for (let i = 0; STEP_METRICS * i < tails.length; i++)
      this.replica.requireFinite(first + i, tails[STEP_METRICS * i]);
  }

  applyUpdate(from: number, sum: Float32Array): void {
    this.target.set(sum, from);
  }

  commit({ count }: Round): void {
    this.replica.setState(this.target, count);
    // Their own steps have been counted.
    for (const { replica } of this.workers) replica.setState(this.target, 0);
  }

  close(): void {
    for (const { replica } of this.workers) replica.close();
  }
}

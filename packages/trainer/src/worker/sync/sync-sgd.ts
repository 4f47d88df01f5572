import type { Round } from '@prunegrid/numerics/rounds';

import type { Replica } from '../replica.js';
import type { SyncStrategy, Nodes } from './sync-strategy.js';

/** Synchronous SGD: a round is one step, what is added up are the micro-batches' gradients, and W moves by their sum. */
export class SyncSgd implements SyncStrategy {
  readonly target: Float32Array;

  constructor(
    private readonly replica: Replica,
    private readonly microBatches: readonly number[],
  ) {
    this.target = replica.trained;
  }

  compute({ first }: Round): Nodes {
    return this.replica.gradients(first, this.microBatches);
  }

  prepare({ first }: Round): void {
    for (const microBatch of this.microBatches) this.replica.prepare(first, microBatch);
  }

  beginUpdate({ first }: Round, [loss]: Float32Array, [learningRate]: readonly number[]): void {
    this.replica.beginUpdate(first, loss, learningRate);
  }

  applyUpdate(from: number, sum: Float32Array): void {
    this.replica.applyUpdate(from, sum);
  }

  commit(): void {
    this.replica.commit();
  }

  close(): void {
    // The replica is the lease's.
  }
}

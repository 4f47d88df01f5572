import type { Round } from '@prunegrid/numerics/rounds';

import type { PartialSums, Replica } from '../../engines/index.js';
import type { SyncStrategy } from './sync-strategy.js';

/**
 * Synchronous SGD: a round is one step, which adds up the gradients of all micro-batches and updates W with their sum.
 */
export class SyncSgd implements SyncStrategy {
  constructor(
    protected readonly replica: Replica,
    private readonly microBatches: readonly number[],
  ) {}

  get target(): Float32Array {
    return this.replica.target;
  }

  runAlone([{ first }]: readonly Round[], learningRates: readonly number[], signal: AbortSignal) {
    return this.replica.runSteps(first, learningRates, { signal });
  }

  compute({ first }: Round): Promise<PartialSums> {
    return this.replica.computeGradients(first, this.microBatches);
  }

  prepare({ first }: Round): void {
    this.replica.prepare(first, this.microBatches);
  }

  beginUpdate({ first }: Round, [loss]: Float32Array, [learningRate]: readonly number[]): Promise<void> {
    return this.replica.beginUpdate(first, loss, learningRate);
  }

  applyUpdate(from: number, sum: Float32Array): void | Promise<void> {
    return this.replica.applyUpdate(from, sum);
  }

  commit(_round: Round): Promise<void> {
    return this.replica.commit();
  }

  close(): void {
    // The lease owns the replica and closes it.
  }
}

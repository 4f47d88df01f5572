import type { Round } from '@prunegrid/numerics/rounds';

import { SyncSgd } from './sync-sgd.js';

/**
 * Synchronous SGD with gradients that are clipped by their global norm, which nobody knows before the whole gradient has
 * been added up. Therefore the exchange gives every trainer the sum instead of the updated W, and each trainer makes
 * the whole update itself. What is exchanged is as long as without clipping.
 */
export class ClippedSgd extends SyncSgd {
  private sum: Float32Array | undefined;

  /** The gradient of the global batch. */
  override get target(): Float32Array {
    return (this.sum ??= new Float32Array(this.replica.target.length));
  }

  override applyUpdate(from: number, sum: Float32Array): void {
    this.target.set(sum, from);
  }

  override async commit(round: Round): Promise<void> {
    await this.replica.applyUpdate(0, this.target);
    await super.commit(round);
  }
}

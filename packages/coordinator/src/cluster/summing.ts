import { bfloat16Words, unpackBfloat16 } from '@prunegrid/numerics/bfloat16';
import { type ChunkHeader, TensorKind } from '@prunegrid/proto';
import { coveringNodes, TreeSum } from '@prunegrid/numerics/summation/tree-sum';

import type { Trainer } from './trainer.js';

/** The micro-batches of a global batch that one trainer computes. There may be none. */
export interface Share {
  trainer: Trainer;
  first: number;
  count: number;
}

interface Part {
  node: number;
  /** Buffer for a received vector, reused in every round. */
  vector: Float32Array;
}

/** Receives the trainers' parts of a vector and adds them in a fixed tree over the micro-batches. */
export class HubReduction {
  private readonly parts: ReadonlyMap<Trainer, readonly Part[]>;

  /**
   * @param shares shares of the lease's trainers, in the order of the trainers
   * @param leaves number of micro-batches of a global batch
   * @param length number of elements of the vector, without the metrics that follow it for each step
   * @param longest largest number of metrics that follow the vector
   * @param rounded whether the micro-batches' vectors are sent as bfloat16
   */
  constructor(
    shares: readonly Share[],
    private readonly leaves: number,
    private readonly length: number,
    longest: number,
    private readonly rounded: boolean,
  ) {
    this.parts = new Map(
      shares.map(({ trainer, first, count }) => [
        trainer,
        coveringNodes(first, count, leaves).map((node) => ({ node, vector: new Float32Array(length + longest) })),
      ]),
    );
  }

  /**
   * Returns the sum of a round, followed by `following` summed metrics. It is valid until the next call.
   * @param all awaits one promise for each trainer, in their order
   */
  async sum(
    header: Pick<ChunkHeader, 'generation' | 'step'>,
    following: number,
    all: (work: Promise<void>[]) => Promise<unknown>,
  ): Promise<Float32Array> {
    const tree = new TreeSum();
    await all(
      [...this.parts].map(async ([{ channel }, parts]) => {
        for (const { node, vector } of parts) {
          const into = vector.subarray(0, this.length + following);
          if (this.rounded && this.length > 0 && node >= this.leaves) {
            const words = bfloat16Words(this.length);
            const packed = new Uint32Array(words + following);
            await channel.receiveTensor({ ...header, kind: TensorKind.GRADIENT_BFLOAT16, node }, packed);
            unpackBfloat16(packed, into.subarray(0, this.length));
            into.set(new Float32Array(packed.buffer, 4 * words), this.length);
          } else {
            await channel.receiveTensor({ ...header, kind: TensorKind.GRADIENT, node }, into);
          }
          tree.add(node, into);
        }
      }),
    );
    return tree.total as Float32Array;
  }
}

import { bfloat16Words, unpackBfloat16 } from '@prunegrid/numerics/bfloat16';
import { type ChunkHeader, TensorKind } from '@prunegrid/proto';
import { coveringNodes, TreeSum } from '@prunegrid/numerics/summation/tree-sum';

import type { Trainer } from './trainer.js';

/** A trainer's share of the micro-batches of a global batch; it may be empty. */
export interface Share {
  trainer: Trainer;
  first: number;
  count: number;
}

interface Part {
  node: number;
  /** Reused from round to round. */
  vector: Float32Array;
}

/** Receives what the trainers have of a vector and adds it up in the fixed tree over the micro-batches. */
export class HubReduction {
  private readonly parts: ReadonlyMap<Trainer, readonly Part[]>;

  /**
   * @param shares of the lease's trainers, in their order
   * @param leaves number of micro-batches of a global batch
   * @param length elements of the vector, without what follows on it for each step
   * @param longest the largest number of elements that follow on it
   * @param rounded whether the micro-batches' own vectors come as bfloat16
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
   * The sum of a round, with `following` elements behind the vector; it is valid until the next one.
   * @param all waits for what all trainers are asked, in their order
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

import type { Named } from '@prunegrid/core/registry';
import type { Round } from '@prunegrid/numerics/rounds';
import type { ChunkHeader } from '@prunegrid/proto';

import type { PeerGroup } from '../collectives/peer-group.js';
import type { PartialSums } from '../engines/index.js';

/**
 * A way in which several trainers add their vectors up in each round. The order of summation is fixed (`TreeSum`), so
 * every reduction gives the bits of a single trainer, which has nothing to reduce. `through` says how the vectors
 * travel.
 */
export type Reduction = PeerReduction | CoordinatorReduction;

/** The trainers add up among themselves. The coordinator takes no part in a round: it grants step credits. */
export interface PeerReduction extends Named {
  readonly through: 'peers';
  /**
   * Whether each trainer updates only its slice of the target (`slicesOf`), so that only this slice of its moments is
   * valid.
   */
  readonly shardsMoments: boolean;
  /** Begins the rounds of one Train message in a trainer, which is connected with all others of its lease. */
  join(phase: ReductionPhase, peers: PeerLinks): Reducer;
}

/** The coordinator adds up. Every trainer updates the whole target with the sum that the coordinator returns. */
export interface CoordinatorReduction extends Named {
  readonly through: 'coordinator';
  /** Begins the rounds of one Train message in a trainer. */
  join(phase: ReductionPhase, coordinator: CoordinatorLink): Reducer;
  /**
   * Begins the same rounds in the coordinator.
   * @param length the number of elements of each vector without its metrics
   * @returns a function that receives what the trainers send in a round, and returns the sum with the round's metrics,
   *   [length + STEP_METRICS * round.count]. The sum is valid until the next call.
   */
  lead(phase: ReductionPhase, length: number, trainers: TrainerLinks): (round: Round) => Promise<Float32Array>;
}

/** The properties of a phase that a reduction depends on. */
export interface ReductionPhase {
  /** The number of the lease. */
  generation: number;
  /** The number of micro-batches of a global batch: the leaves of the summation tree. */
  microBatches: number;
  /** The number of micro-batches that each trainer computes, by rank. They follow each other. */
  shares: readonly number[];
  /** The number of images of a global batch. */
  globalBatch: number;
  /** Whether the vectors of the leaves hold bfloat16 numbers, apart from their metrics. */
  bfloat16: boolean;
  /** The largest number of steps in a round. */
  syncEvery: number;
}

/** Returns whether the vector of a node holds bfloat16 numbers. The sum of two of them may be none. */
export const isRounded = ({ bfloat16, microBatches }: ReductionPhase, node: number): boolean =>
  bfloat16 && node >= microBatches;

/** Returns the number of images of a node of the summation tree. */
export const imagesOf = ({ globalBatch }: Pick<ReductionPhase, 'globalBatch'>, node: number): number =>
  globalBatch / 2 ** (31 - Math.clz32(node));

/** What one trainer has to add in a round. */
export interface RoundVectors {
  /** The last step of the round. Tensors of the round are sent under this number. */
  step: number;
  /** The nodes of the summation tree that this trainer holds, [target.length + following] each. There may be none. */
  own: PartialSums;
  /** The vector that the round updates. */
  target: Float32Array;
  /** The number of metrics at the end of each vector. They are added up, but update nothing. */
  following: number;
}

/** What a trainer does with the sums of a round. Calls of `begin` and `apply` must not overlap. */
export interface Update {
  /** Takes the summed metrics, [following]. It must be called before `apply`. It rejects if a loss is not finite. */
  begin: (metrics: Float32Array) => Promise<void>;
  /** Writes the new values of the elements that start at index `from` to the target. It may overwrite `sum`. */
  apply: (from: number, sum: Float32Array) => void | Promise<void>;
  /** Prepares the next round. It must be called once, when this trainer has sent what others wait for. */
  meanwhile: () => void;
}

/** A trainer's part in the rounds of one Train message. */
export interface Reducer {
  /**
   * Adds the vectors of all trainers up. When it resolves, the whole target has been updated, by this trainer or by the
   * others, and `own` is not read any more. Throws PeerLost if another trainer cannot be reached.
   */
  reduce(round: RoundVectors, update: Update): Promise<void>;
}

/** The place of a tensor in a round; for `step` and `node` see the protocol's TensorChunk. */
export type TensorPlace = Pick<ChunkHeader, 'kind' | 'step' | 'node'>;

/** A trainer's connections to the other trainers of its lease. */
export type PeerLinks = Pick<PeerGroup, 'size' | 'others' | 'send' | 'receive' | 'reduce'>;

/** A trainer's connection to the coordinator. */
export interface CoordinatorLink {
  /** Sends a tensor. The caller may change it when the promise has resolved. */
  send(place: TensorPlace, tensor: Float32Array | Uint32Array): Promise<void>;
  /** Receives the sum of the round that ends with `step` into `into`, and returns `into`. */
  receiveSum(step: number, into: Float32Array): Promise<Float32Array>;
}

/** The coordinator's connections to the trainers of a lease. */
export interface TrainerLinks {
  /** The number of trainers. */
  readonly size: number;
  /**
   * Calls `receive` for every trainer at once and waits for all of them.
   * @param receive receives what this trainer sends in a round. `next` receives the next tensor into `into`, which has
   *   its length; the tensor must be the one of this place. `require` must be called with the losses and the numbers of
   *   correct answers that the trainer has sent for so many images, and throws if there are no such numbers.
   */
  fromEach(
    receive: (
      next: (place: TensorPlace, into: Float32Array | Uint32Array) => Promise<unknown>,
      rank: number,
      require: (losses: readonly number[], correct: readonly number[], images: number) => void,
    ) => Promise<void>,
  ): Promise<unknown>;
}

import { bfloat16Words, packBfloat16, unpackBfloat16 } from '@prunegrid/numerics/bfloat16';
import { type Slice, slicesOf } from '@prunegrid/numerics/shares';
import { addInPlace } from '@prunegrid/numerics/summation/addition';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { CHUNK_BYTES, TensorKind } from '@prunegrid/proto';
import type { PeerLink } from '@prunegrid/transport/peers/link';
import type { Clock } from '@prunegrid/core/runtime';

import type { PartialSums } from '../engines/index.js';
import { lostAs } from './peer-lost.js';

/**
 * The number of elements of a chunk between trainers. With smaller chunks the first sums would be sent while later
 * gradients arrive, but the cost of the additional messages would cancel that gain.
 */
export const CHUNK_ELEMENTS = CHUNK_BYTES / 4;

/** Describes one reduction: its step, and the nodes of the summation tree that each member holds. */
export interface ReductionPlan {
  generation: number;
  step: number;
  /** The nodes of each member in ascending order. The list of a member without micro-batches is empty. */
  nodes: readonly (readonly number[])[];
  /** The number of elements at the end of each node's vector that are added up, but belong to no slice. */
  following: number;
  /** Returns whether all values of a node are bfloat16 numbers. Two of them are then sent in four bytes. */
  isRounded: (node: number) => boolean;
}

/**
 * Computes the new values of the target's elements that start at index `from` from their sum, and writes them to the
 * target.
 */
type Move = (from: number, sum: Float32Array) => void | Promise<void>;

/**
 * The number of rows for which gradients are sent before their sums are needed, so that data are on the way while a sum
 * is computed. It also tells when a slot in shared memory is free again: the gradients of a row have been read once its
 * sums have been received, and its sums have been read once gradients arrive that belong to a row more than this number
 * of rows later.
 */
const AHEAD = 2;

/**
 * Runs one reduction row by row. A row is one chunk of each member's slice. It needs memory for one chunk for each node
 * of another member; float32 data are sent without a copy.
 */
export class ReduceScatterAllGather {
  private readonly slices: Slice[];
  private readonly rows: number;
  private readonly sent: Promise<void>[] = [];

  constructor(
    private readonly rank: number,
    private readonly clock: Clock,
    private readonly links: ReadonlyMap<number, PeerLink>,
    private readonly scratch: Map<string, Float32Array>,
    private readonly plan: ReductionPlan,
    private readonly vectors: PartialSums,
    private readonly target: Float32Array,
  ) {
    this.slices = slicesOf(target.length, links.size + 1);
    this.rows = Math.max(...this.slices.map(({ from, to }) => Math.ceil((to - from) / CHUNK_ELEMENTS)));
    const { following } = plan;
    const joined = new Float32Array(vectors.length * following);
    vectors.forEach(([, vector], i) => joined.set(vector.subarray(target.length), i * following));
    if (vectors.length > 0) {
      for (const [member, link] of links)
        this.send(member, link, this.header(TensorKind.STEP_METRICS), joined.length, 0, joined);
    }
    for (let row = 0; row < AHEAD; row++) this.sendGradients(row);
  }

  /**
   * Returns the sum of the elements after the end of the target, [plan.following]. It must be called before `finish`.
   * Throws PeerLost.
   */
  async tails(): Promise<Float32Array> {
    const tree = new TreeSum();
    for (const [node, vector] of this.vectors) tree.add(node, vector.slice(this.target.length));
    const { following, nodes } = this.plan;
    for (const [member, link] of this.links) {
      if (nodes[member].length === 0) continue;
      const joined = new Float32Array(nodes[member].length * following);
      await lostAs(member, link, link.receive(this.header(TensorKind.STEP_METRICS), joined.length, 0, joined));
      nodes[member].forEach((node, i) => tree.add(node, joined.subarray(i * following, (i + 1) * following)));
    }
    return tree.total as Float32Array;
  }

  /**
   * Adds up the vectors of all members. `move` receives the sum of this member's slice, chunk by chunk, and writes the
   * new values to the target. When the promise resolves, the target also holds the values that the other members have
   * computed for their slices. Throws PeerLost.
   * @param meanwhile is called once, when this member has sent the data that the others wait for and now waits for
   *   theirs
   */
  async finish(move: Move, meanwhile: () => void): Promise<void> {
    for (let row = 0; row <= this.rows; row++) {
      await this.reduce(row, move);
      if (row === 0) {
        // One turn of the event loop lets the messages leave before `meanwhile` blocks it.
        await this.clock.turn();
        meanwhile();
      }
      await this.receiveUpdated(row - 1);
      this.sendGradients(row + AHEAD);
    }
    await Promise.all(this.sent);
  }

  /** Adds up this member's chunk of the row, applies `move` to the sum and sends the result. */
  private async reduce(row: number, move: Move): Promise<void> {
    const chunk = this.chunkOf(this.rank, row);
    if (!chunk) return;
    const { from, to } = chunk;
    const tree = new TreeSum(addInPlace);
    for (const [node, vector] of this.vectors) tree.add(node, vector.subarray(from, to));
    for (const [member, link] of this.links) {
      for (const node of this.plan.nodes[member]) {
        tree.add(node, await this.receiveGradient(member, link, node, from, this.scratchFor(member, node, to - from)));
      }
    }
    await move(from, tree.total as Float32Array);
    const { target } = this;
    const header = this.header(TensorKind.WEIGHTS);
    for (const [member, link] of this.links) {
      // A member without vectors sends no gradients, which would confirm that it has read the slot, so the data for it
      // are not placed in shared memory.
      const place = this.plan.nodes[member].length > 0 ? this.slotOf(row, 0) : undefined;
      this.send(member, link, header, target.length, from, target.subarray(from, to), place);
    }
  }

  private async receiveUpdated(row: number): Promise<void> {
    const { target } = this;
    for (const [member, link] of this.links) {
      const chunk = this.chunkOf(member, row);
      if (!chunk) continue;
      const into = target.subarray(chunk.from, chunk.to);
      await lostAs(member, link, link.receive(this.header(TensorKind.WEIGHTS), target.length, chunk.from, into));
    }
  }

  private sendGradients(row: number): void {
    for (const [member, link] of this.links) {
      const chunk = this.chunkOf(member, row);
      if (!chunk) continue;
      for (const [i, [node, vector]] of this.vectors.entries()) {
        const values = vector.subarray(chunk.from, chunk.to);
        this.sendGradient(member, link, node, chunk.from, values, this.slotOf(row, 1 + i));
      }
    }
  }

  /** Returns the row's chunk of a member's slice, or undefined if the slice has fewer rows. */
  private chunkOf(member: number, row: number): Slice | undefined {
    const slice = this.slices[member];
    const from = slice.from + row * CHUNK_ELEMENTS;
    return row >= 0 && from < slice.to ? { from, to: Math.min(slice.to, from + CHUNK_ELEMENTS) } : undefined;
  }

  /** Returns the number of the slot in shared memory for chunk `index` of a row. */
  private slotOf(row: number, index: number): number {
    return (row % (AHEAD + 1)) * (1 + this.vectors.length) + index;
  }

  private sendGradient(
    member: number,
    link: PeerLink,
    node: number,
    from: number,
    values: Float32Array,
    place: number,
  ): void {
    const { length } = this.target;
    if (this.plan.isRounded(node)) {
      const header = this.header(TensorKind.GRADIENT_BFLOAT16, node);
      this.send(member, link, header, bfloat16Words(length), from / 2, packBfloat16(values), place);
    } else {
      this.send(member, link, this.header(TensorKind.GRADIENT, node), length, from, values, place);
    }
  }

  private async receiveGradient(
    member: number,
    link: PeerLink,
    node: number,
    from: number,
    into: Float32Array,
  ): Promise<Float32Array> {
    const { length } = this.target;
    if (this.plan.isRounded(node)) {
      const words = new Uint32Array(bfloat16Words(into.length));
      const header = this.header(TensorKind.GRADIENT_BFLOAT16, node);
      await lostAs(member, link, link.receive(header, bfloat16Words(length), from / 2, words));
      unpackBfloat16(words, into);
    } else {
      await lostAs(member, link, link.receive(this.header(TensorKind.GRADIENT, node), length, from, into));
    }
    return into;
  }

  private send(member: number, link: PeerLink, ...chunk: Parameters<PeerLink['send']>): void {
    const sending = lostAs(member, link, link.send(...chunk));
    // `receive` on the same link fails too, and `finish` awaits these promises only at its end. The handler avoids an
    // unhandled rejection until then.
    sending.catch(() => undefined);
    this.sent.push(sending);
  }

  private header(kind: TensorKind, node = 0) {
    const { generation, step } = this.plan;
    return { kind, generation, step, node };
  }

  private scratchFor(member: number, node: number, length: number): Float32Array {
    const key = `${member}/${node}`;
    const chunk = this.scratch.get(key) ?? new Float32Array(CHUNK_ELEMENTS);
    this.scratch.set(key, chunk);
    return chunk.subarray(0, length);
  }
}

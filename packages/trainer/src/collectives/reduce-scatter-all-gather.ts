import { bfloat16Words, packBfloat16, unpackBfloat16 } from '@prunegrid/numerics/bfloat16';
import { type Slice, slicesOf } from '@prunegrid/numerics/shares';
import { addInPlace } from '@prunegrid/numerics/summation/addition';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { CHUNK_BYTES, TensorKind } from '@prunegrid/proto';
import type { PeerLink } from '@prunegrid/transport/peers/link';
import type { Clock } from '@prunegrid/core/runtime';

import type { PartialSums } from '../engines/index.js';
import { PeerLost } from './peer-lost.js';

/** Elements of a chunk between trainers. Of smaller ones the first sums are on their way while others arrive, but a message costs what that saves. */
export const CHUNK_ELEMENTS = CHUNK_BYTES / 4;

/** What is added up: the nodes of the summation tree that each member holds. */
export interface ReductionPlan {
  generation: number;
  step: number;
  /** The nodes of each member, ascending; none of a member that has no micro-batch. */
  nodes: readonly (readonly number[])[];
  /** Elements that follow on each node's vector: they are added up too, but belong to no slice. */
  following: number;
  /** Whether all of a node's values are bfloat16 numbers: two then travel in the room of one. */
  isRounded: (node: number) => boolean;
}

/** Makes of a sum what becomes of the elements from `from` on, and writes that into the target. */
type Move = (from: number, sum: Float32Array) => void | Promise<void>;

/**
 * Rows of chunks by which gradients are ahead of what is made of them: so many are under way while a sum is computed. It also says when a place in shared memory is free
 * again: a row's gradients have been read once its sums have come back, and its sums once gradients come that are more than this many rows later.
 */
const AHEAD = 2;

/** One reduction under way, row by row: a row is a chunk of each member's slice. Memory: a chunk for each node of another member; what is sent as float32 is not copied. */
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

  /** The sum of what follows on the vectors; to be asked for before `finish`. Throws PeerLost. */
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
   * Adds the members' vectors up. Of this member's slice, `move` is handed the sum, piece by piece, and writes what comes of it into the target; when this
   * has resolved, the target also holds what the other members have written into theirs. Throws PeerLost.
   * @param meanwhile done once, when this member has sent what the others wait for and waits for theirs
   */
  async finish(move: Move, meanwhile: () => void): Promise<void> {
    for (let row = 0; row <= this.rows; row++) {
      await this.reduce(row, move);
      if (row === 0) {
        // First what was sent must leave.
        await this.clock.turn();
        meanwhile();
      }
      await this.receiveUpdated(row - 1);
      this.sendGradients(row + AHEAD);
    }
    await Promise.all(this.sent);
  }

  /** Adds up this member's chunk of the row, has it moved and sends it. */
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
      // A member without vectors sends no gradients, which would say that it has read the place: what goes to it lies in no shared memory.
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

  /** The row's chunk of a member's slice, if there is one. */
  private chunkOf(member: number, row: number): Slice | undefined {
    const slice = this.slices[member];
    const from = slice.from + row * CHUNK_ELEMENTS;
    return row >= 0 && from < slice.to ? { from, to: Math.min(slice.to, from + CHUNK_ELEMENTS) } : undefined;
  }

  /** Where in shared memory a row's chunk number `index` lies. */
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
    // Whoever receives sees the connection break, too, and before the end nobody looks at what was sent.
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

async function lostAs(member: number, link: PeerLink, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new PeerLost(member, link.name, error);
  }
}

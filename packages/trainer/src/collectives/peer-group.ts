import { bfloat16Words, packBfloat16, unpackBfloat16 } from '@prunegrid/numerics/bfloat16';
import { dialPeer, type PeerListener } from '@prunegrid/transport/peers/peer-listener';
import { CHUNK_BYTES, type Rendezvous, TensorKind } from '@prunegrid/proto';
import { PeerLink } from '@prunegrid/transport/peers/link';
import { type MessageStream } from '@prunegrid/transport/peers/messages';
import { type Slice, slicesOf } from '@prunegrid/numerics/shares';
import { type Traffic } from '@prunegrid/transport/channel';
import { TreeSum } from '@prunegrid/numerics/summation/tree-sum';
import { setImmediate as turn } from 'node:timers/promises';

import { Failure } from '@prunegrid/core/failure';
import type { PartialSums } from '../engines/index.js';
import { addInPlace } from '@prunegrid/numerics/summation/addition';

/** Another trainer of the lease has gone, or what it says cannot be understood: ends the lease, not this trainer. */
export class PeerLost extends Failure {
  constructor(name: string, cause: unknown) {
    super('trainers', `${name}: ${(cause as Error).message}`, { cause });
  }
}

/** Elements of a chunk between trainers. Of smaller ones the first sums are on their way while others arrive, but a message costs what that saves. */
export const CHUNK_ELEMENTS = CHUNK_BYTES / 4;

/** What is added up: the nodes of the summation tree that each member holds. */
export interface ReductionPlan {
  generation: number;
  step: number;
  /** By member, ascending. */
  nodes: readonly (readonly number[])[];
  /** Whether all of a node's values are of bfloat16: then two travel in the room of one. */
  isRounded: (node: number) => boolean;
}

/**
 * The trainers of a lease, each connected with every other one, adding vectors up without the coordinator. Each owns a slice of the vector (reduce-scatter and
 * all-gather, as in Rajbhandari et al. 2020, "ZeRO", stage 1: the owner also moves its slice of W). With n trainers, one sends and receives
 * 2 * (n - 1) / n vectors a step.
 */
export class PeerGroup {
  /** Where the chunks of others' nodes are put, by link and node. */
  private readonly scratch = new Map<string, Float32Array>();

  private constructor(
    private readonly rank: number,
    private readonly links: ReadonlyMap<number, PeerLink>,
  ) {}

  /** Calls at all other members, and waits until they have called here. Rejects with a reason for the user where one cannot be reached. */
  static async rendezvous(listener: PeerListener, { addresses, own, token }: Rendezvous): Promise<PeerGroup> {
    const others = [...addresses.keys()].filter((member) => member !== own);
    const name = (member: number) => `the trainer at ${addresses[member]}`;
    const checked = addresses.some((address) => !address.startsWith('unix:'));
    // From now on, since who calls here is only let in where it is expected.
    const expected = listener.acceptPeers(token, others);
    const made = others.map((member) =>
      dialPeer(addresses[member], token, own).catch((error: Error) => {
        throw new Error(`${name(member)} cannot be reached from another one (${error.message})`, { cause: error });
      }),
    );
    try {
      const [incoming, ...outgoing] = await Promise.all([expected, ...made]);
      const link = (member: number, i: number) =>
        new PeerLink(name(member), outgoing[i], incoming.get(member) as MessageStream, checked);
      return new PeerGroup(own, new Map(others.map((member, i) => [member, link(member, i)])));
    } catch (error) {
      const close = (stream: MessageStream) => stream.close();
      for (const call of made) call.then(close).catch(() => undefined);
      expected.then((streams) => [...streams.values()].forEach(close)).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Sends the others their slices of this member's vectors, as far as there is room on the way; what is not copied must not change before the reduction has finished.
   * @param vectors of this member's nodes, at least as long as `target`; in its own slice, they are added to
   */
  reduce(parts: ReductionPlan, vectors: PartialSums, target: Float32Array): ReduceScatterAllGather {
    return new ReduceScatterAllGather(this.rank, this.links, this.scratch, parts, vectors, target);
  }

  /** What this member has sent to the others so far. */
  get sent(): Traffic {
    const links = [...this.links.values()];
    return {
      messages: links.reduce((sum, { sent }) => sum + sent.messages, 0),
      bytes: links.reduce((sum, { sent }) => sum + sent.bytes, 0),
    };
  }

  get size(): number {
    return this.links.size + 1;
  }

  close(): void {
    for (const link of this.links.values()) link.close();
  }
}

/** Makes of a sum what becomes of the elements from `from` on, and writes that into the target. */
type Move = (from: number, sum: Float32Array) => void | Promise<void>;

/**
 * Rows of chunks by which gradients are ahead of what is made of them: so many are under way while a sum is computed. It also says when a place in shared memory is free
 * again: a row's gradients have been read once its sums have come back, and its sums once gradients come that are more than this many rows later.
 */
const AHEAD = 2;

/** One reduction under way, row by row: a row is a chunk of each member's slice. Memory: a chunk for each node of another member; what is sent as float32 is not copied. */
class ReduceScatterAllGather {
  private readonly slices: Slice[];
  private readonly rows: number;
  private readonly sent: Promise<void>[] = [];

  constructor(
    private readonly rank: number,
    private readonly links: ReadonlyMap<number, PeerLink>,
    private readonly scratch: Map<string, Float32Array>,
    private readonly plan: ReductionPlan,
    private readonly vectors: PartialSums,
    private readonly target: Float32Array,
  ) {
    this.slices = slicesOf(target.length, links.size + 1);
    this.rows = Math.max(...this.slices.map(({ from, to }) => Math.ceil((to - from) / CHUNK_ELEMENTS)));
    const stepMetrics = vectors.map(([, vector]) => vector.subarray(target.length));
    const joined = new Float32Array(stepMetrics.length * stepMetrics[0].length);
    stepMetrics.forEach((tail, i) => joined.set(tail, i * tail.length));
    for (const link of links.values()) this.send(link, this.header(TensorKind.STEP_METRICS), joined.length, 0, joined);
    for (let row = 0; row < AHEAD; row++) this.sendGradients(row);
  }

  /** The sum of what follows on the vectors; to be asked for before `finish`. Throws PeerLost. */
  async tails(): Promise<Float32Array> {
    const tree = new TreeSum();
    for (const [node, vector] of this.vectors) tree.add(node, vector.slice(this.target.length));
    const length = this.vectors[0][1].length - this.target.length;
    for (const [member, link] of this.links) {
      const nodes = this.plan.nodes[member];
      const joined = new Float32Array(nodes.length * length);
      await lostAs(link, link.receive(this.header(TensorKind.STEP_METRICS), joined.length, 0, joined));
      nodes.forEach((node, i) => tree.add(node, joined.subarray(i * length, (i + 1) * length)));
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
        await turn();
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
        tree.add(node, await this.receiveGradient(link, node, from, this.scratchFor(member, node, to - from)));
      }
    }
    await move(from, tree.total as Float32Array);
    const { target } = this;
    for (const link of this.links.values()) {
      const header = this.header(TensorKind.WEIGHTS);
      this.send(link, header, target.length, from, target.subarray(from, to), this.slotOf(row, 0));
    }
  }

  private async receiveUpdated(row: number): Promise<void> {
    const { target } = this;
    for (const [member, link] of this.links) {
      const chunk = this.chunkOf(member, row);
      if (!chunk) continue;
      const into = target.subarray(chunk.from, chunk.to);
      await lostAs(link, link.receive(this.header(TensorKind.WEIGHTS), target.length, chunk.from, into));
    }
  }

  private sendGradients(row: number): void {
    for (const [member, link] of this.links) {
      const chunk = this.chunkOf(member, row);
      if (!chunk) continue;
      for (const [i, [node, vector]] of this.vectors.entries()) {
        this.sendGradient(link, node, chunk.from, vector.subarray(chunk.from, chunk.to), this.slotOf(row, 1 + i));
      }
    }
  }

  /** The row's chunk of a member's slice, where there is one. */
  private chunkOf(member: number, row: number): Slice | undefined {
    const slice = this.slices[member];
    const from = slice.from + row * CHUNK_ELEMENTS;
    return row >= 0 && from < slice.to ? { from, to: Math.min(slice.to, from + CHUNK_ELEMENTS) } : undefined;
  }

  /** Where in shared memory a row's chunk number `index` lies. */
  private slotOf(row: number, index: number): number {
    return (row % (AHEAD + 1)) * (1 + this.vectors.length) + index;
  }

  private sendGradient(link: PeerLink, node: number, from: number, values: Float32Array, place: number): void {
    const { length } = this.target;
    if (this.plan.isRounded(node)) {
      const header = this.header(TensorKind.GRADIENT_BFLOAT16, node);
      this.send(link, header, bfloat16Words(length), from / 2, packBfloat16(values), place);
    } else {
      this.send(link, this.header(TensorKind.GRADIENT, node), length, from, values, place);
    }
  }

  private async receiveGradient(link: PeerLink, node: number, from: number, into: Float32Array): Promise<Float32Array> {
    const { length } = this.target;
    if (this.plan.isRounded(node)) {
      const words = new Uint32Array(bfloat16Words(into.length));
      const header = this.header(TensorKind.GRADIENT_BFLOAT16, node);
      await lostAs(link, link.receive(header, bfloat16Words(length), from / 2, words));
      unpackBfloat16(words, into);
    } else {
      await lostAs(link, link.receive(this.header(TensorKind.GRADIENT, node), length, from, into));
    }
    return into;
  }

  private send(link: PeerLink, ...chunk: Parameters<PeerLink['send']>): void {
    const sending = lostAs(link, link.send(...chunk));
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

async function lostAs(link: PeerLink, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new PeerLost(link.name, error);
  }
}

import type { Clock, MessageStream, Runtime, Timer } from '@prunegrid/core/runtime';
import { deadlineOf, peerLimits, UsualTime, type WaitLimits } from '@prunegrid/core/wait-limits';
import type { ChunkHeader, Rendezvous } from '@prunegrid/proto';
import type { Traffic } from '@prunegrid/transport/channel';
import { type Elements, PeerLink } from '@prunegrid/transport/peers/link';
import { dialPeer, type PeerListener } from '@prunegrid/transport/peers/peer-listener';

import type { PartialSums } from '../engines/index.js';
import { lostAs } from './peer-lost.js';
import { CHUNK_ELEMENTS, ReduceScatterAllGather, type ReductionPlan } from './reduce-scatter-all-gather.js';

/** The interval at which a PeerGroup checks that its links make progress, in milliseconds. */
const TICK_MS = 1000;

/**
 * Connects each trainer of a lease with every other one, so that they exchange vectors without the coordinator. A link
 * that makes no progress for too long is closed, and operations that wait for it throw PeerLost.
 */
export class PeerGroup {
  /** The buffers for chunks that are received from other trainers, by rank and node. */
  private readonly scratch = new Map<string, Float32Array>();
  private readonly usualRound = new UsualTime();
  private roundBegun: number | undefined;
  private readonly ticks: Timer;

  private constructor(
    readonly rank: number,
    private readonly links: ReadonlyMap<number, PeerLink>,
    private readonly clock: Clock,
    limits: WaitLimits,
  ) {
    const silence = new Map<PeerLink, { ended: number; ms: number }>();
    this.ticks = clock.every(TICK_MS, () => {
      for (const link of links.values()) {
        const { begun, ended } = link;
        const before = silence.get(link);
        const ms = begun > ended && before?.ended === ended ? before.ms + TICK_MS : 0;
        silence.set(link, { ended, ms });
        if (ms >= deadlineOf(this.usualRound.milliseconds, limits)) link.close(`no progress for ${ms / 1000} s`);
      }
    });
  }

  /**
   * Connects to all other members, and waits until all of them have connected to this one. Rejects with a reason that
   * the user can read if a member cannot be reached.
   */
  static async rendezvous(
    listener: PeerListener,
    { addresses, own, token }: Rendezvous,
    { clock, transport }: Pick<Runtime, 'clock' | 'transport'>,
    limits = peerLimits,
  ): Promise<PeerGroup> {
    const others = [...addresses.keys()].filter((member) => member !== own);
    const name = (member: number) => `the trainer at ${addresses[member]}`;
    const checked = addresses.some((address) => !address.startsWith('unix:'));
    // Peers are expected before this trainer dials, because the listener only accepts callers that are expected.
    const expected = listener.acceptPeers(token, others);
    const made = others.map((member) =>
      dialPeer(transport, addresses[member], token, own).catch((error: Error) => {
        throw new Error(`${name(member)} cannot be reached from another one (${error.message})`, { cause: error });
      }),
    );
    try {
      const [incoming, ...outgoing] = await Promise.all([expected, ...made]);
      const link = (member: number, i: number) =>
        new PeerLink(name(member), outgoing[i], incoming.get(member) as MessageStream, checked);
      return new PeerGroup(own, new Map(others.map((member, i) => [member, link(member, i)])), clock, limits);
    } catch (error) {
      const close = (stream: MessageStream) => stream.close();
      for (const call of made) call.then(close).catch(() => undefined);
      expected.then((streams) => [...streams.values()].forEach(close)).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Tells the group that a round begins. From the time between rounds it learns for how long a link may make no
   * progress.
   */
  beginRound(): void {
    const now = this.clock.monotonic();
    if (this.roundBegun !== undefined) this.usualRound.add(now - this.roundBegun);
    this.roundBegun = now;
  }

  /**
   * Starts a reduction and sends the other members their slices of this member's vectors, while the links accept data.
   * Vectors must not change before the reduction has finished, because float32 data are not copied. Each member owns a
   * slice of the vector, even if it has no vector of its own to add. The algorithm is reduce-scatter and all-gather, as
   * in Rajbhandari et al. 2020, "ZeRO", stage 1: the owner also updates its slice of W. With n members, each sends and
   * receives 2 * (n - 1) / n vectors.
   * @param vectors the vectors of this member's nodes, each of `target.length + plan.following` elements. In this
   *   member's slice, the reduction adds other vectors to them in place.
   */
  reduce(plan: ReductionPlan, vectors: PartialSums, target: Float32Array): ReduceScatterAllGather {
    return new ReduceScatterAllGather(this.rank, this.clock, this.links, this.scratch, plan, vectors, target);
  }

  /**
   * Sends a tensor to the member with this rank. The caller may change it when the promise has resolved. A member
   * receives the tensors of another one in the order in which they were sent. Throws PeerLost.
   */
  async send(rank: number, header: ChunkHeader, tensor: Elements): Promise<void> {
    const link = this.linkTo(rank);
    for (const [from, chunk] of chunksOf(tensor))
      await lostAs(rank, link, link.send(header, tensor.length, from, chunk));
  }

  /** Receives the next tensor of the member with this rank into `into`, and returns `into`. Throws PeerLost. */
  async receive<T extends Elements>(rank: number, header: ChunkHeader, into: T): Promise<T> {
    const link = this.linkTo(rank);
    for (const [from, chunk] of chunksOf(into))
      await lostAs(rank, link, link.receive(header, into.length, from, chunk));
    return into;
  }

  /** The ranks of the other members. */
  get others(): number[] {
    return [...this.links.keys()];
  }

  /** The messages and bytes that this member has sent to the other members so far. */
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
    this.ticks.cancel();
    for (const link of this.links.values()) link.close();
  }

  private linkTo(rank: number): PeerLink {
    const link = this.links.get(rank);
    if (!link) throw new RangeError(`${rank} is not the rank of another member`);
    return link;
  }
}

/** Returns the chunks of a tensor, each with the index of its first element. An empty tensor has none. */
function chunksOf(tensor: Elements): [number, Elements][] {
  return Array.from({ length: Math.ceil(tensor.length / CHUNK_ELEMENTS) }, (_, i) => {
    const from = i * CHUNK_ELEMENTS;
    return [from, tensor.subarray(from, from + CHUNK_ELEMENTS)];
  });
}

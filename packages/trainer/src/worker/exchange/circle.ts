import {
  callAt,
  CHUNK_BYTES,
  deal,
  type Door,
  Link,
  type Meet,
  type MessageStream,
  TensorKind,
  TreeSum,
} from '@prunegrid/proto';

import { Failure } from '../../failure.js';

/** Another trainer of the lease has gone, or what it says cannot be understood: ends the lease, not this trainer. */
export class PeerLost extends Failure {
  constructor(name: string, cause: unknown) {
    super('trainers', `${name}: ${(cause as Error).message}`, { cause });
  }
}

/** Elements of a chunk between trainers: small enough that a sum is on its way again while the next chunk arrives. */
export const CHUNK_ELEMENTS = CHUNK_BYTES / 16;

/** What is added up: the nodes of the summation tree that each member holds. */
export interface Parts {
  generation: number;
  step: number;
  /** By member, ascending. */
  nodes: readonly (readonly number[])[];
}

/**
 * The trainers of a lease, each connected with every other one, adding vectors up without the coordinator. Each owns a slice of the vector (reduce-scatter and
 * all-gather, as in Rajbhandari et al. 2020, "ZeRO", stage 1: the owner also moves its slice of W). With n trainers, one sends and receives
 * 2 * (n - 1) / n vectors a step.
 */
export class Circle {
  /** Where the chunks of others' nodes are put, by link and node. */
  private readonly scratch = new Map<string, Float32Array>();

  private constructor(
    private readonly own: number,
    private readonly links: ReadonlyMap<number, Link>,
  ) {}

  /** Calls at all other members, and waits until they have called here. Rejects with a reason for the user where one cannot be reached. */
  static async meet(door: Door, { addresses, own, token }: Meet): Promise<Circle> {
    const others = [...addresses.keys()].filter((member) => member !== own);
    const name = (member: number) => `the trainer at ${addresses[member]}`;
    // From now on, since who calls here is only let in where it is expected.
    const expected = door.expect(token, others);
    const made = others.map((member) =>
      callAt(addresses[member], token, own).catch((error: Error) => {
        throw new Error(`${name(member)} cannot be reached from another one (${error.message})`, { cause: error });
      }),
    );
    try {
      const [incoming, ...outgoing] = await Promise.all([expected, ...made]);
      const link = (member: number, i: number) =>
        new Link(name(member), outgoing[i], incoming.get(member) as MessageStream, !door.local);
      return new Circle(own, new Map(others.map((member, i) => [member, link(member, i)])));
    } catch (error) {
      const close = (stream: MessageStream) => stream.close();
      for (const call of made) call.then(close).catch(() => undefined);
      expected.then((streams) => [...streams.values()].forEach(close)).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Adds the members' vectors up. Of this member's slice, `move` is handed the sum, piece by piece, and writes what comes of it into `target`; when this has
   * resolved, `target` also holds what the other members have written into theirs. Throws PeerLost.
   *
   * Memory: a chunk for each node of another member; what is sent is not copied.
   * @param vectors of this member's nodes; in its own slice, they are added to
   */
  async reduce(
    { generation, step, nodes }: Parts,
    vectors: readonly (readonly [number, Float32Array])[],
    target: Float32Array,
    move: (from: number, sum: Float32Array) => void,
  ): Promise<void> {
    const { length } = target;
    const slices = slicesOf(length, this.members);
    const gradient = (node: number) => ({ kind: TensorKind.GRADIENT, generation, step, node });
    const weights = { kind: TensorKind.WEIGHTS, generation, step, node: 0 };
    const sent: Promise<void>[] = [];
    const send = (link: Link, ...chunk: Parameters<Link['send']>) => {
      const sending = lostAs(link, link.send(...chunk));
      // Whoever receives sees the connection break, too, and before the end nobody looks at what was sent.
      sending.catch(() => undefined);
      sent.push(sending);
    };
    for (const [member, link] of this.links) {
      for (const { from, to } of chunksOf(slices[member])) {
        for (const [node, vector] of vectors) send(link, gradient(node), length, from, vector.subarray(from, to));
      }
    }
    for (const { from, to } of chunksOf(slices[this.own])) {
      const tree = new TreeSum();
      for (const [node, vector] of vectors) tree.add(node, vector.subarray(from, to));
      for (const [member, link] of this.links) {
        for (const node of nodes[member]) {
          const chunk = this.scratchFor(member, node).subarray(0, to - from);
          await lostAs(link, link.receive(gradient(node), length, from, chunk));
          tree.add(node, chunk);
        }
      }
      move(from, tree.total as Float32Array);
      for (const link of this.links.values()) send(link, weights, length, from, target.subarray(from, to));
    }
    for (const [member, link] of this.links) {
      for (const { from, to } of chunksOf(slices[member])) {
        await lostAs(link, link.receive(weights, length, from, target.subarray(from, to)));
      }
    }
    await Promise.all(sent);
  }

  get members(): number {
    return this.links.size + 1;
  }

  close(): void {
    for (const link of this.links.values()) link.close();
  }

  private scratchFor(member: number, node: number): Float32Array {
    const key = `${member}/${node}`;
    const chunk = this.scratch.get(key) ?? new Float32Array(CHUNK_ELEMENTS);
    this.scratch.set(key, chunk);
    return chunk;
  }
}

interface Slice {
  from: number;
  to: number;
}

/** The slices of a vector that the members own, in their order. */
export function slicesOf(length: number, members: number): Slice[] {
  return deal(length, members).map(({ first, count }) => ({ from: first, to: first + count }));
}

function* chunksOf({ from, to }: Slice): Generator<Slice> {
  for (let start = from; start < to; start += CHUNK_ELEMENTS) {
    yield { from: start, to: Math.min(to, start + CHUNK_ELEMENTS) };
  }
}

async function lostAs(link: Link, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new PeerLost(link.name, error);
  }
}

import { type MessageStream, StreamBroken } from '@prunegrid/core/runtime';
import { CHUNK_BYTES, type ChunkHeader, decodeChunk, encodeChunkHead, FrameError } from '@prunegrid/proto';

import type { Traffic } from '../channel.js';

/** Elements of four bytes. */
export type Elements = Float32Array | Uint32Array;

/**
 * One end of what connects two trainers: chunks of tensors, in an order that both know. Each direction has a connection of its own, because Node's HTTP/2 reads
 * nothing while it writes: on a single one, two that send at the same time wait for each other once the sockets' buffers are full.
 */
export class PeerLink {
  /** Sends and receives that have begun, and those that have ended: what is between them waits for the other trainer. */
  begun = 0;
  ended = 0;
  private readonly passed: Traffic = { messages: 0, bytes: 0 };
  private over: StreamBroken | undefined;

  constructor(
    /** For messages: who is at the other end. */
    readonly name: string,
    /** The call that this trainer made. */
    private readonly outgoing: MessageStream,
    /** The call that the other one made. */
    private readonly incoming: MessageStream,
    /** Whether chunks carry a CRC. A socket within one machine cannot damage them, and the CRCs are a third of what an exchange costs there. */
    private readonly checked: boolean,
  ) {}

  /** Sent so far; what the network puts around a message is not counted. */
  get sent(): Readonly<Traffic> {
    return this.passed;
  }

  /**
   * Sends the elements of a tensor of `length` elements from `offset` on. They must not change until this has resolved.
   * @param place number of the place for a chunk in the memory that both ends share, if they share any: what was sent by this place before must have been
   *   received
   */
  async send(header: ChunkHeader, length: number, offset: number, elements: Elements, place?: number): Promise<void> {
    this.requireOpen();
    const data = bytesOf(elements);
    const shared = place !== undefined && this.outgoing.sharedMemory?.write(place * CHUNK_BYTES, data);
    const head = shared
      ? encodeChunkHead(header, length, offset, {
          sharedMemoryBytes: data.length,
          sharedMemoryOffset: place * CHUNK_BYTES,
        })
      : encodeChunkHead(header, length, offset, data, this.checked ? undefined : 0);
    this.passed.messages++;
    this.passed.bytes += head.length + data.length;
    this.begun++;
    await this.outgoing.send(head, shared ? NOTHING : data);
    this.ended++;
    this.requireOpen();
  }

  /** Fills `into` with the chunk that must come next. Throws FrameError if it is another one, and StreamBroken if none comes. */
  async receive(header: ChunkHeader, length: number, offset: number, into: Elements): Promise<void> {
    this.begun++;
    const frame = await this.incoming.receive();
    this.ended++;
    if (!frame) throw this.over ?? new StreamBroken('the connection was closed');
    const { data, sharedMemoryBytes, sharedMemoryOffset, ...chunk } = decodeChunk(frame, this.checked);
    const due = { ...header, length, offset, bytes: into.byteLength };
    const came = { ...chunk, bytes: data.length + sharedMemoryBytes };
    const odd = (Object.keys(due) as (keyof typeof due)[]).find((field) => due[field] !== came[field]);
    if (odd !== undefined) throw new FrameError(`a chunk of ${odd} ${came[odd]} arrived where ${due[odd]} is due`);
    const target = bytesOf(into);
    if (sharedMemoryBytes === 0) {
      target.set(data);
    } else {
      const { sharedMemory } = this.incoming;
      if (!sharedMemory) throw new FrameError('a chunk arrived that lies in memory of which nothing is known here');
      sharedMemory.read(sharedMemoryOffset, target);
    }
  }

  private requireOpen(): void {
    if (this.over) throw this.over;
  }

  /** Ends the link. A `receive` that waits, and all that is asked later, throws StreamBroken with the reason. */
  close(reason = 'the connection was closed here'): void {
    this.over ??= new StreamBroken(reason);
    this.outgoing.close();
    this.incoming.close();
  }
}

const NOTHING = new Uint8Array();

const bytesOf = ({ buffer, byteOffset, byteLength }: Elements): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

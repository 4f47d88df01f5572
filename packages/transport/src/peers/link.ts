import { type MessageStream, StreamBroken } from '@prunegrid/core/runtime';
import { CHUNK_BYTES, type ChunkHeader, decodeChunk, encodeChunkHead, FrameError } from '@prunegrid/proto';

import type { Traffic } from '../channel.js';

/** The elements of a chunk, four bytes each. */
export type Elements = Float32Array | Uint32Array;

/**
 * One end of the connection between two trainers. It carries chunks of tensors in an order that both trainers know.
 * Each direction has its own connection, because Node's HTTP/2 does not read while it writes: on a single connection,
 * two trainers that send at the same time would wait for each other as soon as the buffers of the sockets are full.
 */
export class PeerLink {
  /**
   * The numbers of sends and receives that have begun and that have ended. If they differ, an operation waits for the
   * other trainer.
   */
  begun = 0;
  ended = 0;
  private readonly passed: Traffic = { messages: 0, bytes: 0 };
  private over: StreamBroken | undefined;

  constructor(
    /** The name of the other trainer in error messages. */
    readonly name: string,
    /** The call that this trainer has made. It carries the chunks that this trainer sends. */
    private readonly outgoing: MessageStream,
    /** The call that the other trainer has made. It carries the chunks that this trainer receives. */
    private readonly incoming: MessageStream,
    /**
     * Whether chunks carry a CRC. A socket within one machine does not damage data, and the CRCs are a third of the
     * cost of an exchange there.
     */
    private readonly checked: boolean,
  ) {}

  /** The messages and bytes that have been sent, without the overhead that the network adds to each message. */
  get sent(): Readonly<Traffic> {
    return this.passed;
  }

  /**
   * Sends the elements of a tensor of `length` elements that start at `offset`. They must not change until the promise
   * has resolved.
   * @param place the number of a slot for one chunk in the memory that both ends share, if they share any. The previous
   *   chunk in this slot must have been received before.
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

  /**
   * Receives the next chunk into `into`. Throws FrameError if it is not the expected chunk, and StreamBroken if the
   * connection ends before.
   */
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

  /** Closes the link. A pending `receive` and all later calls throw StreamBroken with the reason. */
  close(reason = 'the connection was closed here'): void {
    this.over ??= new StreamBroken(reason);
    this.outgoing.close();
    this.incoming.close();
  }
}

const NOTHING = new Uint8Array();

const bytesOf = ({ buffer, byteOffset, byteLength }: Elements): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

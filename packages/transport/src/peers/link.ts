import type { Traffic } from '../channel.js';
import { CHUNK_BYTES, type ChunkHeader, decodeChunk, encodeChunkHead, FrameError } from '@prunegrid/proto';
import type { MessageStream } from './messages.js';

/** Elements of four bytes. */
export type Elements = Float32Array | Uint32Array;

/**
 * One end of what connects two trainers: chunks of tensors, in an order that both know. Each direction has a connection of its own, because Node's HTTP/2 reads
 * nothing while it writes: on a single one, two that send at the same time wait for each other once the sockets' buffers are full.
 */
export class PeerLink {
  private readonly passed: Traffic = { messages: 0, bytes: 0 };

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

  /** Sent so far; what gRPC and HTTP/2 put around a message is not counted. */
  get sent(): Readonly<Traffic> {
    return this.passed;
  }

  /**
   * Sends the elements of a tensor of `length` from `offset` on. They must not change until this has resolved.
   * @param place counts the places for a chunk in the memory that both share, where they share some: what was sent by this one before must have been received
   */
  async send(header: ChunkHeader, length: number, offset: number, elements: Elements, place?: number): Promise<void> {
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
    await this.outgoing.send(head, shared ? NOTHING : data);
  }

  /** Fills `into` with the chunk that must come next. Throws FrameError where it is another one. */
  async receive(header: ChunkHeader, length: number, offset: number, into: Elements): Promise<void> {
    const { data, sharedMemoryBytes, sharedMemoryOffset, ...chunk } = decodeChunk(
      await this.incoming.receive(),
      this.checked,
    );
    const due = { ...header, length, offset, bytes: into.byteLength };
    const came = { ...chunk, bytes: data.length + sharedMemoryBytes };
    const odd = (Object.keys(due) as (keyof typeof due)[]).find((field) => due[field] !== came[field]);
    if (odd !== undefined) throw new FrameError(`a chunk of ${odd} ${came[odd]} arrived where ${due[odd]} is due`);
    const target = bytesOf(into);
    if (sharedMemoryBytes === 0) {
      target.set(data);
    } else {
      const { sharedMemory: window } = this.incoming;
      if (!window) throw new FrameError('a chunk arrived that lies in memory of which nothing is known here');
      window.read(sharedMemoryOffset, target);
    }
  }

  close(): void {
    this.outgoing.close();
    this.incoming.close();
  }
}

const NOTHING = new Uint8Array();

const bytesOf = ({ buffer, byteOffset, byteLength }: Elements): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

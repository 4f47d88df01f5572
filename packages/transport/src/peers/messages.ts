import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';

import { CHUNK_BYTES, FrameError } from '@prunegrid/proto';
import type { SharedMemoryFile } from './shared-memory-file.js';

/** A chunk with all its fields fits, and nothing larger is taken. */
const MESSAGE_BYTES = CHUNK_BYTES + 1024;
/** gRPC's Length-Prefixed-Message: a byte for compression, 0, and four for the length, big-endian. */
const PREFIX_BYTES = 5;
/** Bytes that may lie here unread before the other side is made to wait. */
const UNREAD_BYTES = 256 << 10;

/**
 * The messages of one gRPC call on its HTTP/2 stream (gRPC over HTTP2), without grpc-js, which copies every message once more on each side and leaves a server's
 * flow-control window at 64 KiB: 1.7 MB there and back take 4.9 ms with it and 1.8 ms without.
 */
export class MessageStream {
  /** The message that is being put together, behind its prefix; `receive` returns views on it. */
  private readonly message = Buffer.allocUnsafeSlow(PREFIX_BYTES + MESSAGE_BYTES);
  private filled = 0;
  private readonly arrived: Buffer[] = [];
  private unread = 0;
  private broken: Error | undefined;
  private closed = false;
  private wake: () => void = () => undefined;

  /** @param sharedMemory memory that both sides share, in which the messages' data may lie; closed with the stream */
  constructor(
    private readonly stream: ClientHttp2Stream | ServerHttp2Stream,
    readonly sharedMemory?: SharedMemoryFile,
  ) {
    stream.on('data', (piece: Buffer) => {
      this.arrived.push(piece);
      this.unread += piece.length;
      if (this.unread > UNREAD_BYTES) stream.pause();
      this.wake();
    });
    const end = (error?: Error) => {
      this.broken ??= error ?? new Error('the connection was closed');
      this.wake();
    };
    stream.on('error', end);
    stream.on('close', () => end());
    stream.on('end', () => end());
  }

  /** Sends `head` and `data` as one message. Nothing is copied: they may be changed once this has resolved. Rejects where the connection has broken. */
  async send(head: Uint8Array, data: Uint8Array): Promise<void> {
    if (this.broken) throw this.broken;
    const { stream } = this;
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(head.length + data.length, 1);
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error | null) => {
        if (error) reject(this.broken ?? error);
        else resolve();
      };
      stream.cork();
      stream.write(Buffer.concat([prefix, head]), data.length === 0 ? settle : undefined);
      if (data.length > 0) stream.write(data, settle);
      // What is sent in one go travels together.
      process.nextTick(() => stream.uncork());
    });
  }

  /** The next message; it is valid until the next call. Rejects with FrameError where it is too long, or as the connection broke. */
  async receive(): Promise<Buffer> {
    this.filled = 0;
    for (;;) {
      while (this.arrived.length > 0) {
        this.take(this.wanted());
        const end = this.wanted();
        if (this.filled >= PREFIX_BYTES && this.filled === end) return this.message.subarray(PREFIX_BYTES, end);
      }
      if (this.broken) throw this.broken;
      this.stream.resume();
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.broken ??= new Error('the connection was closed here');
    this.stream.destroy();
    this.sharedMemory?.close();
  }

  /** Bytes of the message, as far as that is known. */
  private wanted(): number {
    if (this.filled < PREFIX_BYTES) return PREFIX_BYTES;
    const length = this.message.readUInt32BE(1);
    if (this.message[0] !== 0 || length > MESSAGE_BYTES) {
      throw new FrameError(`a message of ${length} bytes arrived, or a compressed one: is a prunegrid trainer there?`);
    }
    return PREFIX_BYTES + length;
  }

  /** Moves bytes from what has arrived into the message, up to its byte number `end`. */
  private take(end: number): void {
    const piece = this.arrived[0];
    const count = Math.min(piece.length, end - this.filled);
    piece.copy(this.message, this.filled, 0, count);
    this.filled += count;
    this.unread -= count;
    if (count === piece.length) this.arrived.shift();
    else this.arrived[0] = piece.subarray(count);
  }
}

import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';

import { type MessageStream, StreamBroken } from '@prunegrid/core/runtime';
import { MESSAGE_BYTES } from '@prunegrid/proto';

import type { SharedMemoryFile } from './shared-memory-file.js';

/**
 * The size of the prefix of gRPC's Length-Prefixed-Message in bytes: one byte for the compression, which is 0, and four
 * bytes for the length, big-endian.
 */
const PREFIX_BYTES = 5;
/** The number of unread bytes at which this end stops reading, so that flow control makes the sender wait. */
const UNREAD_BYTES = 256 << 10;

/**
 * The messages of one gRPC call on its HTTP/2 stream, as the specification "gRPC over HTTP2" defines them. It replaces
 * grpc-js, which copies every message once more at each end and leaves a server's flow-control window at 64 KiB. A
 * round trip of 1.7 MB takes 1.8 ms, compared with 4.9 ms through grpc-js.
 */
export class Http2Stream implements MessageStream {
  readonly closed: Promise<void>;
  /** The message that is being assembled, after its prefix. `receive` returns views on it. */
  private readonly message = Buffer.allocUnsafeSlow(PREFIX_BYTES + MESSAGE_BYTES);
  private filled = 0;
  private readonly arrived: Buffer[] = [];
  private unread = 0;
  /** It is set when no more bytes will arrive, with the error unless one of the ends has closed the stream normally. */
  private over: { error?: Error } | undefined;
  private hungUp = false;
  /** The callbacks that settle pending calls of `send`. */
  private readonly sending = new Set<() => void>();
  private wake: () => void = () => undefined;

  /**
   * @param sharedMemory memory that both ends share and that may hold the messages' data. It is closed with the stream.
   */
  constructor(
    private readonly stream: ClientHttp2Stream | ServerHttp2Stream,
    readonly sharedMemory?: SharedMemoryFile,
  ) {
    stream.on('data', (piece: Buffer) => {
      if (this.hungUp) return;
      this.arrived.push(piece);
      this.unread += piece.length;
      if (this.unread > UNREAD_BYTES) stream.pause();
      this.wake();
    });
    const end = (ended: { error?: Error }) => {
      this.over ??= ended;
      this.wake();
    };
    this.closed = new Promise((resolve) => {
      stream.on('end', () => {
        end({});
        // The other end has ended the call, so this end has nothing more to send.
        if (!stream.destroyed) stream.end();
        resolve();
      });
      stream.on('error', (error: Error) => {
        end({ error: new StreamBroken(error.message, { cause: error }) });
        resolve();
      });
      stream.on('close', () => {
        end({ error: new StreamBroken('the connection was closed') });
        resolve();
      });
    });
  }

  /** Sends a message without copying it. Both parts must not change until the promise has resolved. */
  async send(head: Uint8Array, data: Uint8Array = NOTHING): Promise<void> {
    if (this.over) return;
    const { stream } = this;
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(head.length + data.length, 1);
    await new Promise<void>((resolve) => {
      // `receive` reports why sending failed, so errors only settle the promise here.
      const settle = () => {
        this.sending.delete(settle);
        resolve();
      };
      this.sending.add(settle);
      stream.cork();
      stream.write(Buffer.concat([prefix, head]), data.length === 0 ? settle : undefined);
      if (data.length > 0) stream.write(data, settle);
      // Messages that are sent in the same turn leave in one write.
      process.nextTick(() => stream.uncork());
    });
  }

  async receive(): Promise<Buffer | undefined> {
    this.filled = 0;
    for (;;) {
      while (this.arrived.length > 0) {
        this.take(this.wanted());
        const end = this.wanted();
        if (this.filled >= PREFIX_BYTES && this.filled === end) return this.message.subarray(PREFIX_BYTES, end);
      }
      if (this.over?.error) throw this.over.error;
      if (this.over) return undefined;
      this.stream.resume();
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(): void {
    if (this.hungUp) return;
    this.hungUp = true;
    this.over ??= {};
    this.wake();
    for (const settle of this.sending) settle();
    // Messages that were sent before still leave; bytes that arrive are dropped.
    if (!this.stream.destroyed) this.stream.end();
    this.stream.resume();
    this.sharedMemory?.close();
  }

  /**
   * Returns the number of bytes to read before the next decision: the prefix, and then the whole message. Throws
   * StreamBroken if the length exceeds the maximum.
   */
  private wanted(): number {
    if (this.filled < PREFIX_BYTES) return PREFIX_BYTES;
    const length = this.message.readUInt32BE(1);
    if (this.message[0] !== 0 || length > MESSAGE_BYTES) {
      throw new StreamBroken(
        `a message of ${length} bytes arrived, or a compressed one: is a prunegrid trainer there?`,
      );
    }
    return PREFIX_BYTES + length;
  }

  /** Copies bytes that have arrived to the message, up to position `end`. */
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

const NOTHING = new Uint8Array();

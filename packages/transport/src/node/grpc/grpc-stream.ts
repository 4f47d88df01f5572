import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import { type MessageStream, StreamBroken } from '@prunegrid/core/runtime';

/** The number of unread messages at which this end stops reading, so that gRPC's flow control makes the sender wait. */
const UNREAD_MESSAGES = 8;

/** One end of a grpc-js call, as a MessageStream. */
export class GrpcStream implements MessageStream {
  readonly closed: Promise<void>;
  private readonly arrived: Buffer[] = [];
  /**
   * It is set when no more messages will arrive, with the error unless the other end has closed the stream normally.
   */
  private over: { error?: StreamBroken } | undefined;
  private wake: () => void = () => undefined;
  private readonly waiting: (() => void)[] = [];
  private resolveClosed: () => void = () => undefined;

  /** @param hangUp ends this end of the call */
  constructor(
    private readonly stream: ClientDuplexStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
    private readonly hangUp: (reason: string | undefined) => void,
  ) {
    this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
    stream.on('data', (message: Buffer) => {
      this.arrived.push(message);
      if (this.arrived.length >= UNREAD_MESSAGES) stream.pause();
      this.wake();
    });
    stream.on('end', () => this.end());
    stream.on('error', (error: Error) => this.end(brokenBy(error)));
    stream.on('cancelled', () => this.end(new StreamBroken('the other end has gone')));
    stream.on('close', () => this.end(new StreamBroken('the connection was closed')));
    stream.on('drain', () => this.releaseSenders());
  }

  async send(head: Uint8Array, data?: Uint8Array): Promise<void> {
    const message = data === undefined ? asBuffer(head) : Buffer.concat([head, data]);
    if (this.over || this.stream.destroyed || this.stream.write(message)) return;
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async receive(): Promise<Buffer | undefined> {
    for (;;) {
      const message = this.arrived.shift();
      if (message) {
        if (this.stream.isPaused()) this.stream.resume();
        return message;
      }
      if (this.over?.error) throw this.over.error;
      if (this.over) return undefined;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(reason?: string): void {
    this.end();
    this.hangUp(reason);
  }

  private end(error?: StreamBroken): void {
    this.over ??= error ? { error } : {};
    this.wake();
    this.releaseSenders();
    this.resolveClosed();
  }

  private releaseSenders(): void {
    for (const release of this.waiting.splice(0)) release();
  }
}

/** Converts an error of gRPC to StreamBroken. */
export function brokenBy(error: Error): StreamBroken {
  const { details } = error as Error & { details?: string };
  return new StreamBroken(details ?? error.message, { cause: error });
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

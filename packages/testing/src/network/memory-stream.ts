import { type MessageStream, StreamBroken } from '@prunegrid/core/runtime';

/** The number of bytes on the way or unread at which a sender must wait. */
const WINDOW_BYTES = 1 << 20;

/** Sends a message or an event to the other end. A message can break the stream instead. */
type Carry = (deliver: () => void, isMessage: boolean) => void;

/**
 * One end of a stream in memory. A received message is overwritten by the next call of `receive`, so that tests find
 * callers that keep it too long.
 */
export class MemoryStream implements MessageStream {
  readonly closed: Promise<void>;
  private readonly arrived: Buffer[] = [];
  private last: Buffer | undefined;
  /** The number of bytes that the other end has not received yet. */
  private outstanding = 0;
  private over: { error?: StreamBroken } | undefined;
  /** The error that has broken the stream while this end was frozen. */
  private unnoticed: StreamBroken | undefined;
  private other: MemoryStream | undefined;
  private carry: Carry = () => undefined;
  private wake: () => void = () => undefined;
  private readonly senders: (() => void)[] = [];
  private resolveClosed: () => void = () => undefined;

  constructor() {
    this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
  }

  connect(other: MemoryStream, carry: Carry): void {
    this.other = other;
    this.carry = carry;
  }

  async send(head: Uint8Array, data: Uint8Array = new Uint8Array()): Promise<void> {
    if (this.over) return;
    const message = Buffer.concat([head, data]);
    this.outstanding += message.length;
    this.carry(() => this.other?.take(message), true);
    while (this.outstanding > WINDOW_BYTES && !this.isOver()) {
      await new Promise<void>((resolve) => this.senders.push(resolve));
    }
  }

  async receive(): Promise<Buffer | undefined> {
    this.last?.fill(0xff);
    while (this.arrived.length === 0 && !this.isOver()) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    this.last = this.arrived.shift();
    if (this.last) this.other?.acknowledge(this.last.length);
    else if (this.over?.error) throw this.over.error;
    return this.last;
  }

  close(reason?: string): void {
    if (this.over) return;
    this.end({});
    this.arrived.length = 0;
    this.carry(() => this.other?.end(reason === undefined ? {} : { error: new StreamBroken(reason) }), false);
  }

  /** Breaks this end. A frozen end receives the error when it is thawed. */
  fail(error: StreamBroken, isFrozen: boolean): void {
    if (isFrozen) this.unnoticed ??= error;
    else this.end({ error });
  }

  thaw(): void {
    if (this.unnoticed) this.end({ error: this.unnoticed });
  }

  private take(message: Buffer): void {
    if (this.over) return;
    this.arrived.push(message);
    this.wake();
  }

  private acknowledge(bytes: number): void {
    this.outstanding -= bytes;
    this.releaseSenders();
  }

  private end(over: { error?: StreamBroken }): void {
    this.over ??= over;
    this.wake();
    this.releaseSenders();
    this.resolveClosed();
  }

  private releaseSenders(): void {
    for (const release of this.senders.splice(0)) release();
  }

  private isOver(): boolean {
    return this.over !== undefined;
  }
}

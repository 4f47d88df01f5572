import type { MessageStream } from '@prunegrid/core/runtime';
import { type ChunkHeader, encodeTensor, FrameError, TensorAssembler, type TensorChunk } from '@prunegrid/proto';

/** The metadata key of a trainer's call to the coordinator that holds the coordinator's token. */
export const ADMISSION_TOKEN = 'prunegrid-admission-token';

/** The numbers of messages and of their bytes, without the overhead that the network adds to each message. */
export interface Traffic {
  messages: number;
  bytes: number;
}

/**
 * One end of the stream between the coordinator and a trainer. It sends and receives single messages and whole tensors.
 */
export class Channel<Message extends { $case: string; value: unknown }> {
  private readonly passed: Traffic = { messages: 0, bytes: 0 };
  /** The pending message of `peek`. */
  private next: Promise<Message> | undefined;
  private failure: Error | undefined;

  /**
   * @param decode decodes one frame; it may throw, and returns undefined for a message that it has taken in itself
   * @param explain converts the error that ended the stream to the error that `receive` throws. Its argument is
   *   `undefined` if the other end closed the stream.
   */
  constructor(
    private readonly stream: MessageStream,
    private readonly decode: (frame: Buffer) => Message | undefined,
    private readonly explain: (error: unknown) => Error,
  ) {}

  /** Resolves when either end has closed the stream, or when it has failed. */
  get closed(): Promise<void> {
    return this.stream.closed;
  }

  /** The messages and bytes sent and received so far, both directions together. */
  get traffic(): Readonly<Traffic> {
    return this.passed;
  }

  /** Returns the next message without consuming it, or undefined if there is none; `receive` then throws the reason. */
  peek(): Promise<Message | undefined> {
    this.next ??= this.take();
    return this.next.catch(() => undefined);
  }

  receive(): Promise<Message> {
    const message = this.next ?? this.take();
    this.next = undefined;
    return message;
  }

  /**
   * Ends the stream at both ends. Pending and later calls here throw `error`, and the other end receives its message.
   */
  fail(error: Error): void {
    this.failure ??= error;
    this.stream.close(error.message);
  }

  /** Ends the stream at both ends after the messages that were sent before. */
  close(): void {
    this.stream.close();
  }

  private async take(): Promise<Message> {
    try {
      for (;;) {
        const frame = await this.stream.receive();
        if (!frame || this.failure) break;
        this.count(frame);
        const message = this.decode(frame);
        if (message) return message;
      }
    } catch (error) {
      throw this.failure ?? this.explain(error);
    }
    throw this.failure ?? this.explain(undefined);
  }

  /** Receives the next message, which must be this tensor, into `into`, and returns `into`. */
  async receiveTensor<T extends Float32Array | Uint32Array>(header: ChunkHeader, into: T): Promise<T> {
    const assembler = new TensorAssembler(into);
    for (;;) {
      const message = await this.receive();
      try {
        if (message.$case !== 'chunk') throw new FrameError(`${message.$case} arrived in the middle of a tensor`);
        const chunk = message.value as TensorChunk;
        if (HEADER_FIELDS.some((field) => chunk[field] !== header[field])) {
          throw new FrameError(`a tensor of ${describe(chunk)} arrived where one of ${describe(header)} is due`);
        }
        if (assembler.add(chunk)) return into;
      } catch (error) {
        throw this.explain(error);
      }
    }
  }

  /**
   * Sends a frame. Resolves when the network accepts more data, or when the stream has ended; the next `receive` then
   * throws the reason.
   */
  send(frame: Buffer): Promise<void> {
    this.count(frame);
    return this.stream.send(frame);
  }

  /** Sends a tensor in chunks. The caller may change the tensor when the promise has resolved. */
  async sendTensor(header: ChunkHeader, tensor: Float32Array | Uint32Array): Promise<void> {
    for (const frame of encodeTensor(header, tensor)) await this.send(frame);
  }

  private count(frame: Buffer): void {
    this.passed.messages++;
    this.passed.bytes += frame.length;
  }
}

const HEADER_FIELDS = ['kind', 'generation', 'step', 'node'] as const;

const describe = (header: ChunkHeader) => HEADER_FIELDS.map((field) => `${field} ${header[field]}`).join(', ');

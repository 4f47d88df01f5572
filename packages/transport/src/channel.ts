import type { MessageStream } from '@prunegrid/core/runtime';
import { type ChunkHeader, encodeTensor, FrameError, TensorAssembler, type TensorChunk } from '@prunegrid/proto';

/** Messages and their bytes, both directions together; what the network puts around a message is not counted. */
export interface Traffic {
  messages: number;
  bytes: number;
}

/** One end of the stream between the coordinator and a trainer: messages one at a time, tensors as a whole. */
export class Channel<Message extends { $case: string; value: unknown }> {
  private readonly passed: Traffic = { messages: 0, bytes: 0 };
  /** What `peek` has asked for. */
  private next: Promise<Message> | undefined;
  private failure: Error | undefined;

  /**
   * @param decode reads one frame; it may throw
   * @param explain turns whatever broke the conversation into the error that `receive` throws; it gets `undefined` if the other end hung up
   */
  constructor(
    private readonly stream: MessageStream,
    private readonly decode: (frame: Buffer) => Message,
    private readonly explain: (error: unknown) => Error,
  ) {}

  /** Resolves once the stream is over, whoever ended it. */
  get closed(): Promise<void> {
    return this.stream.closed;
  }

  /** Sent and received so far. */
  get traffic(): Readonly<Traffic> {
    return this.passed;
  }

  /** The next message, which is still the next one afterwards; undefined if there is none, and then `receive` will say why. */
  peek(): Promise<Message | undefined> {
    this.next ??= this.take();
    return this.next.catch(() => undefined);
  }

  receive(): Promise<Message> {
    const message = this.next ?? this.take();
    this.next = undefined;
    return message;
  }

  /** Ends the stream at both ends: what waits here and all that is asked later throws `error`, whose message the other end is told. */
  fail(error: Error): void {
    this.failure ??= error;
    this.stream.close(error.message);
  }

  /** Ends the stream at both ends, after what has been sent. */
  close(): void {
    this.stream.close();
  }

  private async take(): Promise<Message> {
    let frame: Buffer | undefined;
    try {
      frame = await this.stream.receive();
      if (frame && !this.failure) {
        this.count(frame);
        return this.decode(frame);
      }
    } catch (error) {
      throw this.failure ?? this.explain(error);
    }
    throw this.failure ?? this.explain(undefined);
  }

  /** Fills `into` with the tensor that must come next, and returns it. */
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

  /** Resolves when the network takes more, or when the stream is over: then the next `receive` says why. */
  send(frame: Buffer): Promise<void> {
    this.count(frame);
    return this.stream.send(frame);
  }

  /** The tensor may be changed once this has resolved. */
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

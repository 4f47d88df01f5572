import { type ChunkHeader, encodeTensor, FrameError, TensorAssembler, type TensorChunk } from '@prunegrid/proto';

/** What a gRPC stream of frames is on either side. */
export interface FrameStream extends AsyncIterable<Buffer> {
  readonly destroyed: boolean;
  write(frame: Buffer): boolean;
  on(event: 'drain' | 'close' | 'error' | 'cancelled', listener: () => void): unknown;
  off(event: 'drain' | 'close' | 'error' | 'cancelled', listener: () => void): unknown;
}

/** Messages and their bytes, both directions together; what gRPC and HTTP/2 put around a message is not counted. */
export interface Traffic {
  messages: number;
  bytes: number;
}

/** One end of the stream between the coordinator and a trainer: messages one at a time, tensors as a whole. */
export class Channel<Message extends { $case: string; value: unknown }> {
  private readonly incoming: AsyncIterator<Buffer>;
  private readonly passed: Traffic = { messages: 0, bytes: 0 };
  /** What `peek` has asked for. */
  private next: Promise<Message> | undefined;

  /**
   * @param decode reads one frame; it may throw
   * @param explain turns whatever broke the conversation into the error that `receive` throws; `undefined` where the other side
   *   hung up
   */
  constructor(
    private readonly stream: FrameStream,
    private readonly decode: (frame: Buffer) => Message,
    private readonly explain: (error: unknown) => Error,
  ) {
    this.incoming = stream[Symbol.asyncIterator]();
  }

  /** Sent and received so far. */
  get traffic(): Readonly<Traffic> {
    return this.passed;
  }

  /** The next message, which is still the next one afterwards; undefined where there is none and `receive` will say why. */
  peek(): Promise<Message | undefined> {
    this.next ??= this.take();
    return this.next.catch(() => undefined);
  }

  receive(): Promise<Message> {
    const message = this.next ?? this.take();
    this.next = undefined;
    return message;
  }

  private async take(): Promise<Message> {
    let next: IteratorResult<Buffer>;
    try {
      next = await this.incoming.next();
      if (!next.done) {
        this.count(next.value);
        return this.decode(next.value);
      }
    } catch (error) {
      throw this.explain(error);
    }
    throw this.explain(undefined);
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

  /** Resolves when gRPC takes more, or when the stream is over: then the next `receive` says why. */
  async send(frame: Buffer): Promise<void> {
    this.count(frame);
    if (this.stream.destroyed || this.stream.write(frame)) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        for (const event of ENDS_OF_WAIT) this.stream.off(event, settle);
        resolve();
      };
      for (const event of ENDS_OF_WAIT) this.stream.on(event, settle);
    });
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

const ENDS_OF_WAIT = ['drain', 'close', 'error', 'cancelled'] as const;
const HEADER_FIELDS = ['kind', 'generation', 'step', 'node'] as const;

const describe = (header: ChunkHeader) => HEADER_FIELDS.map((field) => `${field} ${header[field]}`).join(', ');

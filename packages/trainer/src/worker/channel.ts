import { type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { ChunkHeader, FromCoordinator } from '@prunegrid/proto';
import { decodeFromCoordinator, encodeTensor, FrameError, TensorAssembler, TensorKind } from '@prunegrid/proto';

import { Failure } from '../failure.js';

export type Message = NonNullable<FromCoordinator['body']>;

/** A trainer's end of the stream: messages one at a time, tensors as a whole. */
export class Channel {
  private readonly incoming: AsyncIterator<Buffer>;

  constructor(
    private readonly stream: ClientDuplexStream<Buffer, Buffer>,
    private readonly address: string,
  ) {
    this.incoming = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** Throws Failure where the connection ends or a message cannot be read. */
  async receive(): Promise<Message> {
    try {
      const { done, value } = await this.incoming.next();
      if (done) throw new Failure('trainers', `${this.address}: the coordinator hung up`);
      return decodeFromCoordinator(value);
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** Fills `into` with the tensor that must come next. */
  async receiveTensor<T extends Float32Array | Uint32Array>(kind: TensorKind, step: number, into: T): Promise<T> {
    const assembler = new TensorAssembler(into);
    for (;;) {
      const message = await this.receive();
      if (message.$case !== 'chunk' || message.value.kind !== kind || message.value.step !== step) {
        throw new Failure('trainers', `${this.address}: sent ${message.$case} in the middle of a tensor: are both sides of one version?`);
      }
      try {
        if (assembler.add(message.value)) return into;
      } catch (error) {
        throw this.explain(error);
      }
    }
  }

  /** Resolves when gRPC takes more. */
  async send(frame: Buffer): Promise<void> {
    if (this.stream.write(frame)) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        for (const event of ['drain', 'close', 'error']) this.stream.off(event, settle);
        resolve();
      };
      for (const event of ['drain', 'close', 'error']) this.stream.on(event, settle);
    });
  }

  async sendTensor(header: ChunkHeader, tensor: Float32Array): Promise<void> {
    for (const frame of encodeTensor(header, tensor)) await this.send(frame);
  }

  private explain(error: unknown): unknown {
    if (error instanceof FrameError) return new Failure('trainers', `${this.address}: ${error.message}`, { cause: error });
    const { code, details } = error as Partial<ServiceError>;
    if (code === undefined) return error;
    if (code === status.UNIMPLEMENTED || code === status.INTERNAL) {
      return new Failure('trainers', `${this.address}: is no prunegrid coordinator (${details}): check --coordinator`);
    }
    return new Failure('trainers', `${this.address}: the connection to the coordinator broke (${details})`);
  }
}

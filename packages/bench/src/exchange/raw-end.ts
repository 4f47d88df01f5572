import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import { CHUNK_BYTES } from '@prunegrid/proto';
import { once } from 'node:events';

/** One end of a gRPC stream that moves buffers whose contents nobody looks at. */
export class RawEnd {
  private arrived = 0;
  private wake: () => void = () => undefined;

  constructor(private readonly stream: ClientDuplexStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>) {
    stream.on('data', (frame: Buffer) => {
      this.arrived += frame.length;
      this.wake();
    });
  }

  /** Resolves when gRPC has taken so many bytes, in chunks as large as a tensor's. */
  async send(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
      if (!this.stream.write(CHUNK.subarray(0, left))) await once(this.stream, 'drain');
    }
  }

  /** Resolves when so many further bytes have come. */
  async receive(bytes: number): Promise<void> {
    while (this.arrived < bytes) await new Promise<void>((resolve) => (this.wake = resolve));
    this.arrived -= bytes;
  }
}

const CHUNK = Buffer.alloc(CHUNK_BYTES, 1);

import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { coordinationService, serverOptions } from '@prunegrid/transport/node/grpc/service';

import { type Peer, startPeer } from '../peer.js';
import { RawEnd } from './raw-end.js';

/** grpc-js by itself, set up as the coordinator's: moves raw buffers there and back between this process and peers. */
export class RawHub {
  private constructor(
    private readonly server: Server,
    private readonly streams: readonly ServerDuplexStream<Buffer, Buffer>[],
    private readonly ends: readonly RawEnd[],
    private readonly peers: readonly Peer[],
    private readonly bytes: number,
  ) {}

  static async open(count: number, bytes: number): Promise<RawHub> {
    const server = new Server(serverOptions);
    const streams: ServerDuplexStream<Buffer, Buffer>[] = [];
    const ends: RawEnd[] = [];
    const complete = new Promise<void>((resolve) => {
      server.addService(coordinationService, {
        connect: (stream: ServerDuplexStream<Buffer, Buffer>) => {
          streams.push(stream);
          ends.push(new RawEnd(stream));
          if (ends.length === count) resolve();
        },
      });
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const peers = Array.from({ length: count }, () =>
      startPeer('exchange/raw-peer', `127.0.0.1:${port}`, String(bytes)),
    );
    await Promise.race([complete, ...peers.map(({ left }) => left)]);
    return new RawHub(server, streams, ends, peers, bytes);
  }

  /** Milliseconds that it takes to receive from the first `count` peers, all at once, and to send to them. */
  async thereAndBack(count: number, times: number): Promise<number> {
    const ends = this.ends.slice(0, count);
    let started = 0;
    // The first one begins with what the peers have sent since the last time.
    for (let time = 0; time <= times; time++) {
      if (time === 1) started = performance.now();
      await Promise.all(ends.map((end) => end.receive(this.bytes)));
      await Promise.all(ends.map((end) => end.send(this.bytes)));
    }
    return (performance.now() - started) / times;
  }

  /** Returns the largest peak memory of a peer, in bytes. */
  async close(): Promise<number> {
    for (const stream of this.streams) stream.end();
    const peaks = await Promise.all(this.peers.map(({ left }) => left));
    this.server.forceShutdown();
    return Math.max(...peaks);
  }
}

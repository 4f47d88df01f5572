import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  status,
} from '@grpc/grpc-js';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';

import { decodeChunk, encodeChunkHead, FrameError, TensorKind } from '@prunegrid/proto';
import { nodeRuntime } from '../node/index.js';
import { dialPeer as dialPeerOver, PeerListener } from './peer-listener.js';
import { PeerLink } from './link.js';

const header = { kind: TensorKind.GRADIENT, generation: 1, step: 2, node: 3 };
const EXCHANGE = '/prunegrid.v1.Peers/Exchange';
const bytes = (value: Buffer) => value;
const bytesOf = ({ buffer }: Float32Array) => Buffer.from(buffer);

const dialPeer = (address: string, token: string, rank: number) =>
  dialPeerOver(nodeRuntime.transport, address, token, rank);
const listeners: PeerListener[] = [];
const open = async (local: boolean) => {
  const listener = await PeerListener.open(nodeRuntime, local ? undefined : '127.0.0.1');
  listeners.push(listener);
  return listener;
};
afterEach(() => Promise.all(listeners.splice(0).map((listener) => listener.close())));

/** Returns the two ends of a connection. */
async function pair(local: boolean): Promise<[PeerLink, PeerLink]> {
  const both = await Promise.all([open(local), open(local)]);
  const calls = both.map((_, i) => dialPeer(both[1 - i].address, 'token', i));
  const [left, right] = await Promise.all(both.map((listener, i) => listener.acceptPeers('token', [1 - i])));
  const [outLeft, outRight] = await Promise.all(calls);
  return [new PeerLink('right', outLeft, left.get(1)!, !local), new PeerLink('left', outRight, right.get(0)!, !local)];
}

describe.each([
  { where: 'on one machine', local: true },
  { where: 'by TCP', local: false },
])('two trainers $where', ({ local }) => {
  it('send each other far more than is buffered, at the same time', async () => {
    const links = await pair(local);
    const tensors = [1, 2].map((seed) => Float32Array.from({ length: 1 << 18 }, (_, i) => Math.sin(seed * i)));
    const times = 24;
    const sendAll = (i: number) =>
      Promise.all(Array.from({ length: times }, () => links[i].send(header, 1 << 20, 7, tensors[i])));
    const receiveAll = async (i: number) => {
      for (let time = 0; time < times; time++) {
        const into = new Float32Array(tensors[i].length);
        await links[i].receive(header, 1 << 20, 7, into);
        expect(Buffer.compare(bytesOf(into), bytesOf(tensors[1 - i]))).toBe(0);
      }
    };
    await Promise.all([sendAll(0), sendAll(1), receiveAll(0), receiveAll(1)]);
  });

  it('learn when the other one hangs up or sends something else', async () => {
    const [left, right] = await pair(local);
    const chunk = Float32Array.of(1, 2, 3);
    await left.send(header, 3, 0, chunk);
    await expect(right.receive({ ...header, step: 4 }, 3, 0, new Float32Array(3))).rejects.toThrow(
      'a chunk of step 2 arrived where 4 is due',
    );
    await left.send(header, 3, 0, chunk);
    await expect(right.receive(header, 3, 0, new Float32Array(2))).rejects.toThrow(FrameError);
    const waiting = right.receive(header, 3, 0, new Float32Array(3));
    left.close();
    await expect(waiting).rejects.toThrow(/closed/);
    await expect(left.send(header, 3, 0, chunk)).rejects.toThrow(/closed/);
  });
});

describe.runIf(existsSync('/dev/shm'))('trainers that share memory', () => {
  it('send where the data lie, and the data themselves where there is no room', async () => {
    const listener = await open(true);
    const calling = dialPeer(listener.address, 'token', 1);
    const incoming = (await listener.acceptPeers('token', [1])).get(1)!;
    const outgoing = await calling;
    const chunk = Float32Array.of(1, 2, 3);
    const into = Buffer.alloc(12);
    await new PeerLink('', outgoing, incoming, false).send(header, 3, 0, chunk, 2);
    const { sharedMemoryBytes, sharedMemoryOffset, data } = decodeChunk((await incoming.receive())!, false);
    expect([sharedMemoryBytes, data.length]).toEqual([12, 0]);
    incoming.sharedMemory?.read(sharedMemoryOffset, into);
    expect(into).toEqual(bytesOf(chunk));
    const full = Object.create(outgoing, { sharedMemory: { value: { write: () => false } } }) as typeof outgoing;
    await new PeerLink('', full, incoming, false).send(header, 3, 0, chunk, 2);
    expect(decodeChunk((await incoming.receive())!, false)).toMatchObject({
      sharedMemoryBytes: 0,
      data: bytesOf(chunk),
    });
    for (const stream of [outgoing, incoming]) stream.close();
  });
});

describe('the listener', () => {
  it('speaks gRPC with callers: grpc-js streams to it', async () => {
    const listener = await open(false);
    const client = new Client(listener.address, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('prunegrid-token', 'token');
    metadata.set('prunegrid-rank', '4');
    const call = client.makeClientStreamRequest(EXCHANGE, bytes, bytes, metadata, () => undefined);
    const data = Buffer.alloc(12, 5);
    const message = Buffer.concat([encodeChunkHead(header, 3, 0, data), data]);
    call.write(message);
    const streams = await listener.acceptPeers('token', [4]);
    expect(decodeChunk((await streams.get(4)!.receive())!)).toMatchObject({ ...header, length: 3 });
    // A message longer than any chunk is refused before memory is allocated for it.
    call.write(Buffer.alloc((1 << 20) + 2000));
    await expect(streams.get(4)!.receive()).rejects.toThrow(/a message of 1050576 bytes/);
    streams.get(4)!.close();
    client.close();
  });

  it('speaks gRPC with servers: it streams to grpc-js', async () => {
    const server = new Server();
    const arrived = new Promise<Buffer>((resolve) => {
      const exchange = (call: ServerReadableStream<Buffer, Buffer>) => {
        call.sendMetadata(new Metadata());
        call.on('data', resolve);
        call.on('error', () => undefined);
      };
      server.addService(
        {
          exchange: {
            ...{ path: EXCHANGE, requestStream: true, responseStream: false },
            ...{
              requestSerialize: bytes,
              requestDeserialize: bytes,
              responseSerialize: bytes,
              responseDeserialize: bytes,
            },
          },
        },
        { exchange },
      );
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const stream = await dialPeer(`127.0.0.1:${port}`, 'token', 0);
    await stream.send(Buffer.from('head '), Buffer.from('and data'));
    expect((await arrived).toString()).toBe('head and data');
    stream.close();
    server.forceShutdown();
  });

  it('opens neither to another path nor, while others meet, to another token', async () => {
    const listener = await open(false);
    const client = new Client(listener.address, credentials.createInsecure());
    const refused = new Promise<number | undefined>((resolve) => {
      client.makeClientStreamRequest('/somewhere/Else', bytes, bytes, (error) => resolve(error?.code));
    });
    expect(await refused).toBe(status.UNAUTHENTICATED);
    const stranger = dialPeer(listener.address, 'guessed', 1);
    stranger.catch(() => undefined);
    const known = dialPeer(listener.address, 'token', 1);
    const streams = await listener.acceptPeers('token', [1]);
    expect([...streams.keys()]).toEqual([1]);
    const message = streams.get(1)!.receive().then(String);
    await (await known).send(Buffer.from('known'), new Uint8Array());
    expect(await message).toBe('known');
    await listener.close();
    listeners.length = 0;
    await expect(stranger).rejects.toThrow();
    client.close();
  });

  it('says who is not there', async () => {
    await expect(dialPeer('unix:/nowhere/socket', 'token', 0)).rejects.toThrow(/ENOENT/);
    await expect(dialPeer('127.0.0.1:1', 'token', 0)).rejects.toThrow(/ECONNREFUSED/);
  });
});

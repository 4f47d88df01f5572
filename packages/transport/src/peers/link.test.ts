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
import { callAt, Door } from './peer-listener.js';
import { Link } from './link.js';

const header = { kind: TensorKind.GRADIENT, generation: 1, step: 2, node: 3 };
const TRADE = '/prunegrid.v1.Exchange/Trade';
const bytes = (value: Buffer) => value;
const bytesOf = ({ buffer }: Float32Array) => Buffer.from(buffer);

const doors: Door[] = [];
const open = async (local: boolean) => {
  const door = await Door.open(local ? undefined : '127.0.0.1');
  doors.push(door);
  return door;
};
afterEach(() => Promise.all(doors.splice(0).map((door) => door.close())));

/** Two links, each the other's end. */
async function pair(local: boolean): Promise<[Link, Link]> {
  const both = await Promise.all([open(local), open(local)]);
  const calls = both.map((_, i) => callAt(both[1 - i].address, 'token', i));
  const [left, right] = await Promise.all(both.map((door, i) => door.expect('token', [1 - i])));
  const [outLeft, outRight] = await Promise.all(calls);
  return [new Link('right', outLeft, left.get(1)!, !local), new Link('left', outRight, right.get(0)!, !local)];
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
    const door = await open(true);
    const calling = callAt(door.address, 'token', 1);
    const incoming = (await door.expect('token', [1])).get(1)!;
    const outgoing = await calling;
    const chunk = Float32Array.of(1, 2, 3);
    const into = Buffer.alloc(12);
    await new Link('', outgoing, incoming, false).send(header, 3, 0, chunk, 2);
    const { windowBytes, windowOffset, data } = decodeChunk(await incoming.receive(), false);
    expect([windowBytes, data.length]).toEqual([12, 0]);
    incoming.window?.read(windowOffset, into);
    expect(into).toEqual(bytesOf(chunk));
    const full = Object.create(outgoing, { window: { value: { write: () => false } } }) as typeof outgoing;
    await new Link('', full, incoming, false).send(header, 3, 0, chunk, 2);
    expect(decodeChunk(await incoming.receive(), false)).toMatchObject({ windowBytes: 0, data: bytesOf(chunk) });
    for (const stream of [outgoing, incoming]) stream.close();
  });
});

describe('the door', () => {
  it('speaks gRPC with callers: grpc-js streams to it', async () => {
    const door = await open(false);
    const client = new Client(door.address, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('prunegrid-token', 'token');
    metadata.set('prunegrid-member', '4');
    const call = client.makeClientStreamRequest(TRADE, bytes, bytes, metadata, () => undefined);
    const data = Buffer.alloc(12, 5);
    const message = Buffer.concat([encodeChunkHead(header, 3, 0, data), data]);
    call.write(message);
    const streams = await door.expect('token', [4]);
    expect(decodeChunk(await streams.get(4)!.receive())).toMatchObject({ ...header, length: 3 });
    // What is longer than any chunk is refused before there is room for it.
    call.write(Buffer.alloc((1 << 20) + 2000));
    await expect(streams.get(4)!.receive()).rejects.toThrow(/a message of 1050576 bytes/);
    streams.get(4)!.close();
    client.close();
  });

  it('speaks gRPC with servers: it streams to grpc-js', async () => {
    const server = new Server();
    const arrived = new Promise<Buffer>((resolve) => {
      const trade = (call: ServerReadableStream<Buffer, Buffer>) => {
        call.sendMetadata(new Metadata());
        call.on('data', resolve);
        call.on('error', () => undefined);
      };
      server.addService(
        {
          trade: {
            ...{ path: TRADE, requestStream: true, responseStream: false },
            ...{
              requestSerialize: bytes,
              requestDeserialize: bytes,
              responseSerialize: bytes,
              responseDeserialize: bytes,
            },
          },
        },
        { trade },
      );
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    const stream = await callAt(`127.0.0.1:${port}`, 'token', 0);
    await stream.send(Buffer.from('head '), Buffer.from('and data'));
    expect((await arrived).toString()).toBe('head and data');
    stream.close();
    server.forceShutdown();
  });

  it('opens neither to another path nor, while others meet, to another token', async () => {
    const door = await open(false);
    const client = new Client(door.address, credentials.createInsecure());
    const refused = new Promise<number | undefined>((resolve) => {
      client.makeClientStreamRequest('/somewhere/Else', bytes, bytes, (error) => resolve(error?.code));
    });
    expect(await refused).toBe(status.UNAUTHENTICATED);
    const stranger = callAt(door.address, 'guessed', 1);
    stranger.catch(() => undefined);
    const known = callAt(door.address, 'token', 1);
    const streams = await door.expect('token', [1]);
    expect([...streams.keys()]).toEqual([1]);
    const message = streams.get(1)!.receive().then(String);
    await (await known).send(Buffer.from('known'), new Uint8Array());
    expect(await message).toBe('known');
    await door.close();
    doors.length = 0;
    await expect(stranger).rejects.toThrow();
    client.close();
  });

  it('says who is not there', async () => {
    await expect(callAt('unix:/nowhere/socket', 'token', 0)).rejects.toThrow(/ENOENT/);
    await expect(callAt('127.0.0.1:1', 'token', 0)).rejects.toThrow(/ECONNREFUSED/);
  });
});

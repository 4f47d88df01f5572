import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { CallRefused, type Host, type MessageStream, type Metadata, StreamBroken } from '@prunegrid/core/runtime';

import { parsePinned, plainHash } from './pinned-address.js';
import { Http2Stream } from './http2-stream.js';
import { watchConnection } from './liveness.js';
import {
  CONTENT_TYPE,
  FLOW_CONTROL_BYTES,
  GRPC_MESSAGE,
  GRPC_STATUS,
  PATH,
  SEEN,
  SHARED_MEMORY,
  SHARED_MEMORY_SECRET,
} from './peers-service.js';
import { SharedMemoryFile } from './shared-memory-file.js';

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_TE } = constants;

/**
 * Connects to another trainer's listener. Rejects with StreamBroken if the call is not accepted within `timeoutMs`
 * milliseconds.
 */
export async function connectByHttp2(
  { clock, random }: Pick<Host, 'clock' | 'random'>,
  address: string,
  timeoutMs: number,
  metadata: Metadata,
): Promise<MessageStream> {
  const path = /^unix:(.*)/.exec(address)?.[1];
  const pinned = parsePinned(address);
  const session = connect(
    pinned ? `https://${pinned.place}` : path === undefined ? `http://${address}` : 'http://localhost',
    {
      settings: { initialWindowSize: FLOW_CONTROL_BYTES },
      // The certificate is its own authority: its hash is compared before anything is sent.
      ...(pinned && { rejectUnauthorized: false }),
      ...(path !== undefined && { createConnection: () => connectSocket(path) }),
    },
  );
  const secret = random.bytes(16).toString('hex');
  const memory = SharedMemoryFile.create(secret);
  let abandon: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (abandon = reject));
  // After the connection is made, `receive` reports the errors.
  failed.catch(() => undefined);
  session.on('error', abandon);
  const timer = clock.after(timeoutMs, () => abandon(new Error('no answer')));
  try {
    const calling = call(session, pinned?.hash, metadata, memory && { address: memory.address, secret });
    calling.catch(() => undefined);
    const { stream, headers } = await Promise.race([calling, failed]);
    if (headers[GRPC_STATUS] !== undefined) {
      const reason = headers[GRPC_MESSAGE];
      throw new CallRefused(
        typeof reason === 'string' ? decodeURIComponent(reason) : 'it does not let this trainer in',
      );
    }
    watchConnection(session, clock);
    if (headers[SHARED_MEMORY] === SEEN) return new Http2Stream(stream, memory);
    memory?.close();
    return new Http2Stream(stream);
  } catch (error) {
    session.destroy();
    memory?.close();
    throw error instanceof CallRefused ? error : new StreamBroken((error as Error).message, { cause: error });
  } finally {
    timer.cancel();
  }
}

/** Opens the stream of a call, and returns it with the headers of the answer. */
async function call(
  session: ClientHttp2Session,
  hash: string | undefined,
  metadata: Metadata,
  memory: { address: string; secret: string } | undefined,
) {
  await once(session, 'connect');
  if (hash !== undefined) {
    const { fingerprint256 } = (session.socket as TLSSocket).getPeerCertificate();
    if (plainHash(fingerprint256) !== hash) throw new Error('another certificate than the expected one is there');
  }
  session.setLocalWindowSize(FLOW_CONTROL_BYTES);
  const stream = session.request(
    {
      ...{ [HTTP2_HEADER_METHOD]: 'POST', [HTTP2_HEADER_PATH]: PATH, [HTTP2_HEADER_TE]: 'trailers' },
      ...CONTENT_TYPE,
      ...metadata,
      ...(memory && { [SHARED_MEMORY]: memory.address, [SHARED_MEMORY_SECRET]: memory.secret }),
    },
    { endStream: false },
  );
  stream.on('close', () => session.destroy());
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.on('response', resolve);
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('it hung up')));
  });
  return { stream, headers };
}

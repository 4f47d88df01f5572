import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { makeOwnFolder } from '@prunegrid/core/files';
import type { Host, IncomingCall, Listener } from '@prunegrid/core/runtime';

import { addressOf, ConnectionGate } from '../connection-gate.js';
import { boundAddress, placeOf } from '../place.js';
import { pinnedAddress } from './pinned-address.js';
import { Http2Stream } from './http2-stream.js';
import { watchConnection } from './liveness.js';
import {
  CONTENT_TYPE,
  FLOW_CONTROL_BYTES,
  GRPC_MESSAGE,
  GRPC_STATUS,
  MOST_STREAMS,
  PATH,
  SEEN,
  SHARED_MEMORY,
  SHARED_MEMORY_SECRET,
  UNAUTHENTICATED,
} from './peers-service.js';
import { SharedMemoryFile } from './shared-memory-file.js';

const { HTTP2_HEADER_PATH, HTTP2_HEADER_STATUS } = constants;

/** Listens for other trainers at `address`. Rejects with Node's error if it cannot listen at this address. */
export async function listenByHttp2(
  { clock, files, random, processes }: Pick<Host, 'clock' | 'files' | 'random' | 'processes'>,
  address: string,
  onCall: (call: IncomingCall) => void,
): Promise<Listener> {
  const settings = { initialWindowSize: FLOW_CONTROL_BYTES, maxConcurrentStreams: MOST_STREAMS };
  const plain = address.replace(/^tls:/, '');
  const own =
    plain === address
      ? undefined
      : await (await import('../../certificates/issue.js')).newSelfSigned({ clock, random });
  const server: Http2Server | Http2SecureServer = own
    ? createSecureServer({ settings, key: own.key, cert: own.certificate })
    : createServer({ settings });
  const gate = new ConnectionGate(clock);
  server.on('connection', (socket: Socket) => gate.enter(socket));
  server.on('session', (session) => {
    session.setLocalWindowSize(FLOW_CONTROL_BYTES);
    session.on('error', () => session.destroy());
    watchConnection(session, clock);
  });
  server.on('stream', (stream, headers) => {
    // `receive` reports the errors of an accepted stream, and a caller that gives up is no error.
    stream.on('error', () => undefined);
    const call = incomingCall(stream, headers, gate);
    if (headers[HTTP2_HEADER_PATH] === PATH) onCall(call);
    else call.refuse('there is nothing at this path');
  });
  const folder = address === 'unix:' ? await makeOwnFolder({ files, processes }, 'listener') : undefined;
  server.listen(folder === undefined ? placeOf(plain) : { path: join(folder, 'socket') });
  await once(server, 'listening');
  return {
    address: own ? pinnedAddress(boundAddress(server), own.certificate) : boundAddress(server),
    async close() {
      server.close();
      if (folder !== undefined) await files.remove(folder);
    },
  };
}

function incomingCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, gate: ConnectionGate): IncomingCall {
  const metadata = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
  return {
    remote: stream.session?.socket.remoteAddress ?? 'a socket of this machine',
    metadata,
    accept() {
      gate.admit(stream.session && addressOf(stream.session.socket));
      const memory = SharedMemoryFile.open(metadata[SHARED_MEMORY] ?? '', metadata[SHARED_MEMORY_SECRET] ?? '');
      if (!stream.destroyed) {
        stream.respond({ [HTTP2_HEADER_STATUS]: 200, ...CONTENT_TYPE, ...(memory && { [SHARED_MEMORY]: SEEN }) });
      }
      return new Http2Stream(stream, memory);
    },
    refuse(reason) {
      if (stream.destroyed) return;
      const status = { [GRPC_STATUS]: UNAUTHENTICATED, [GRPC_MESSAGE]: encodeURIComponent(reason) };
      stream.respond({ [HTTP2_HEADER_STATUS]: 200, ...CONTENT_TYPE, ...status }, { endStream: true });
    },
  };
}

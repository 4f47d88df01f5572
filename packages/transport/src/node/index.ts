import { nodeHost } from '@prunegrid/core/node';
import type { Host, Runtime, Transport } from '@prunegrid/core/runtime';

import { connectByGrpc } from './grpc/connect.js';
import { listenByGrpc } from './grpc/listen.js';
import { connectByHttp2 } from './http2/connect.js';
import { listenByHttp2 } from './http2/listen.js';
import { routableAddress } from './routable-address.js';

/**
 * The machine's network: `coordination` by grpc-js; `peers` by Node's own HTTP/2, and by shared memory on one machine. Both are gRPC on the wire. None of
 * their connections uses a proxy that the environment names.
 */
export const nodeTransport = (host: Pick<Host, 'clock' | 'files' | 'random'>): Transport => ({
  listen: (service, address, onCall) =>
    service === 'coordination' ? listenByGrpc(address, onCall) : listenByHttp2(host, address, onCall),
  connect: (service, address, timeoutMs, metadata = {}) =>
    service === 'coordination' ? connectByGrpc(address, timeoutMs) : connectByHttp2(host, address, timeoutMs, metadata),
  routableAddress,
});

/** This machine with its network. */
export const nodeRuntime: Runtime = { ...nodeHost, transport: nodeTransport(nodeHost) };

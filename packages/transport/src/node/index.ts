import { nodeHost } from '@prunegrid/core/node';
import type { Host, Runtime, Transport } from '@prunegrid/core/runtime';

import { routableAddress } from './routable-address.js';

/**
 * The machine's network: `coordination` by grpc-js; `peers` by Node's own HTTP/2, and by shared memory on one machine. Both are gRPC on the wire. None of
 * their connections uses a proxy that the environment names.
 */
export const nodeTransport = (host: Pick<Host, 'clock' | 'files' | 'random'>): Transport => ({
  // Each side is loaded when it is used: commands that connect nothing start in half the time.
  listen: async (service, address, onCall) =>
    service === 'coordination'
      ? (await import('./grpc/listen.js')).listenByGrpc(address, onCall)
      : (await import('./http2/listen.js')).listenByHttp2(host, address, onCall),
  connect: async (service, address, timeoutMs, metadata = {}) =>
    service === 'coordination'
      ? (await import('./grpc/connect.js')).connectByGrpc(address, timeoutMs)
      : (await import('./http2/connect.js')).connectByHttp2(host, address, timeoutMs, metadata),
  routableAddress,
});

/** This machine with its network. */
export const nodeRuntime: Runtime = { ...nodeHost, transport: nodeTransport(nodeHost) };

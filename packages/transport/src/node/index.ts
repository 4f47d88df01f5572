import { nodeHost } from '@prunegrid/core/node';
import type { Host, Runtime, Transport } from '@prunegrid/core/runtime';

import { routableAddress } from './routable-address.js';

/**
 * The transport on this machine's network. The service `coordination` uses grpc-js; `peers` uses Node's own HTTP/2, and
 * shared memory between trainers on one machine. Both send gRPC messages. None of their connections uses a proxy that
 * the environment names.
 */
export const nodeTransport = (host: Pick<Host, 'clock' | 'files' | 'random' | 'processes'>): Transport => ({
  // Modules are loaded when they are used, because commands without connections then start in half the time.
  listen: async (service, address, onCall, options = {}) =>
    service === 'coordination'
      ? (await import('./grpc/listen.js')).listenByGrpc(host.clock, address, onCall, options)
      : (await import('./http2/listen.js')).listenByHttp2(host, address, onCall),
  connect: async (service, address, timeoutMs, metadata = {}, tls = undefined) =>
    service === 'coordination'
      ? (await import('./grpc/connect.js')).connectByGrpc(address, timeoutMs, metadata, tls)
      : (await import('./http2/connect.js')).connectByHttp2(host, address, timeoutMs, metadata),
  routableAddress,
});

/** The runtime of this machine, including its network. */
export const nodeRuntime: Runtime = { ...nodeHost, transport: nodeTransport(nodeHost) };

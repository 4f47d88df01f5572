import { logVerbosity, type MethodDefinition, type ServiceDefinition, setLogVerbosity } from '@grpc/grpc-js';

const frame = (bytes: Buffer): Buffer => bytes;

/**
 * `prunegrid.v1.Coordination`. Messages are encoded and decoded outside of gRPC (see frame.ts of @prunegrid/proto), so that a tensor that
 * goes to every trainer is encoded once, and its sender may reuse the buffer at once.
 */
export const coordinationService = {
  connect: {
    path: '/prunegrid.v1.Coordination/Connect',
    requestStream: true,
    responseStream: true,
    requestSerialize: frame,
    requestDeserialize: frame,
    responseSerialize: frame,
    responseDeserialize: frame,
  } satisfies MethodDefinition<Buffer, Buffer>,
} satisfies ServiceDefinition;

/** gRPC's own complaints would come on top of prunegrid's. Whoever looks for them can still turn them on, by the variable GRPC_VERBOSITY. */
export function silenceGrpc(): void {
  if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);
}

/**
 * A ping every 5 s that must be answered within 20 s: a process may compute for so long without a turn of its event loop, in which it answers. Bytes of
 * the flow-control window are those of one chunk.
 */
export const channelOptions = {
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc-node.flow_control_window': 1 << 20,
};

/** On top of `channelOptions`. gRPC would otherwise send even what goes to 127.0.0.1 through the proxy that `http_proxy` names. */
export const clientOptions = { ...channelOptions, 'grpc.enable_retries': 0, 'grpc.enable_http_proxy': 0 };

/** On top of `channelOptions`. */
export const serverOptions = { ...channelOptions, 'grpc.max_concurrent_streams': 1024 };

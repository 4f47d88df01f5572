import { logVerbosity, type MethodDefinition, type ServiceDefinition, setLogVerbosity } from '@grpc/grpc-js';
import { MESSAGE_BYTES } from '@prunegrid/proto';

const frame = (bytes: Buffer): Buffer => bytes;

/**
 * The gRPC service `prunegrid.v1.Coordination`. Messages are encoded and decoded outside of gRPC (see frame.ts of
 * @prunegrid/proto), so that a tensor for all trainers is encoded only once, and its sender may reuse the buffer at
 * once.
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

/**
 * Disables the log messages of gRPC, because prunegrid reports the same errors itself. The environment variable
 * GRPC_VERBOSITY enables them again.
 */
export function silenceGrpc(): void {
  if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);
}

/**
 * A ping is sent every 5 s and must be answered within 20 s, because a process can compute for almost that long without
 * a turn of its event loop, in which it would answer. The flow-control window, in bytes, holds one chunk.
 */
export const channelOptions = {
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc-node.flow_control_window': 1 << 20,
};

/**
 * The options of a client. Without the last one, gRPC would send even connections to 127.0.0.1 through the proxy that
 * `http_proxy` names.
 */
export const clientOptions = { ...channelOptions, 'grpc.enable_retries': 0, 'grpc.enable_http_proxy': 0 };

/**
 * The options of a server. A trainer makes one call, and sends no message that is longer than a chunk with its fields.
 */
export const serverOptions = {
  ...channelOptions,
  'grpc.max_concurrent_streams': 4,
  'grpc.max_receive_message_length': MESSAGE_BYTES,
};

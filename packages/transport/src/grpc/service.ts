import type { ServiceDefinition, MethodDefinition } from '@grpc/grpc-js';

/** Both sides must agree on this number; it changes with every incompatible change of the .proto files. */
export const PROTOCOL_VERSION = 7;

const frame = (bytes: Buffer): Buffer => bytes;

/**
 * `prunegrid.v1.Coordination`. Its messages stay encoded on both sides of gRPC (see frame.ts), so that a tensor that goes to
 * every trainer is encoded once, and the sender may reuse its buffer at once.
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

/** Notices a peer that vanished without closing its connection. Milliseconds. */
export const keepalive = {
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 40_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc-node.flow_control_window': 1 << 20,
};

import { constants } from 'node:http2';

/** The HTTP/2 path of the method of the gRPC service `prunegrid.v1.Peers`. */
export const PATH = '/prunegrid.v1.Peers/Exchange';
/**
 * The header with the path of the caller's shared memory file. The answer has the same header if the listener can open
 * that file.
 */
export const SHARED_MEMORY = 'prunegrid-shared-memory';
/** The header with the secret at the start of the shared memory file. */
export const SHARED_MEMORY_SECRET = 'prunegrid-shared-memory-secret';
export const SEEN = 'seen';
export const GRPC_STATUS = 'grpc-status';
export const GRPC_MESSAGE = 'grpc-message';
/** The gRPC status code UNAUTHENTICATED. */
export const UNAUTHENTICATED = '16';
/** The flow-control window of each direction, in bytes. */
export const FLOW_CONTROL_BYTES = 1 << 20;
/** The largest number of calls on one connection. A trainer makes one. */
export const MOST_STREAMS = 4;
export const CONTENT_TYPE = { [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc' };

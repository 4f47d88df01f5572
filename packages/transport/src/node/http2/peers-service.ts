import { constants } from 'node:http2';

/** `prunegrid.v1.Peers`. */
export const PATH = '/prunegrid.v1.Peers/Exchange';
/** The path of the file in memory that the caller would share; the answer is whether it is seen. */
export const SHARED_MEMORY = 'prunegrid-shared-memory';
/** What the file begins with. */
export const SHARED_MEMORY_SECRET = 'prunegrid-shared-memory-secret';
export const SEEN = 'seen';
export const GRPC_STATUS = 'grpc-status';
export const GRPC_MESSAGE = 'grpc-message';
/** gRPC's status UNAUTHENTICATED. */
export const UNAUTHENTICATED = '16';
/** Bytes under way in each direction. */
export const FLOW_CONTROL_BYTES = 1 << 20;
export const CONTENT_TYPE = { [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc' };

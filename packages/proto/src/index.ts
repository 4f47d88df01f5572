export { TensorAssembler } from './assembler.js';
export { bfloat16Words, packBfloat16, roundToBfloat16, unpackBfloat16 } from './bfloat16.js';
export { Channel, type FrameStream, type Traffic } from './channel.js';
export {
  CHUNK_BYTES,
  type ChunkHeader,
  decodeFromCoordinator,
  decodeFromTrainer,
  encodeFromCoordinator,
  encodeFromTrainer,
  encodeTensor,
  FrameError,
} from './frame.js';
export * from './generated/prunegrid/v1/coordination.js';
export { deal, type Slice, slicesOf } from './deal.js';
export { encodeHello } from './hello.js';
export { callAt, Door, type Elements, Link, type MessageStream } from './link/index.js';
export { coveringNodes, TreeSum } from './summation.js';
export { type Round, roundsOf, TAIL } from './rounds.js';
export { coordinationService, keepalive, PROTOCOL_VERSION } from './service.js';

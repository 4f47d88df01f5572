export { TensorAssembler } from './assembler.js';
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
export { deal } from './deal.js';
export { encodeHello } from './hello.js';
export { callAt, Door, type Elements, Link, type MessageStream } from './link/index.js';
export { coveringNodes, TreeSum } from './summation.js';
export { coordinationService, keepalive, PROTOCOL_VERSION } from './service.js';

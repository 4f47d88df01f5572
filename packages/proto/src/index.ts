export { TensorAssembler } from './assembler.js';

/** Both ends must agree on this number. It changes with every incompatible change of the .proto file or of what it describes. */
export const PROTOCOL_VERSION = 8;

export {
  CHUNK_BYTES,
  type ChunkHeader,
  decodeChunk,
  decodeFromCoordinator,
  decodeFromTrainer,
  encodeChunkHead,
  encodeFromCoordinator,
  encodeFromTrainer,
  encodeTensor,
  FrameError,
} from './frame.js';
export * from './generated/prunegrid/v1/coordination.js';

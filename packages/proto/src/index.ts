export { TensorAssembler } from './assembler.js';

/**
 * The version of the protocol, which must be the same at both ends. It changes with every incompatible change of the
 * .proto file or of the behaviour that it describes.
 */
export const PROTOCOL_VERSION = 14;

export {
  CHUNK_BYTES,
  MESSAGE_BYTES,
  type ChunkHeader,
  decodeChunk,
  decodeFromCoordinator,
  decodeFromTrainer,
  encodeChunkHead,
  encodeFromCoordinator,
  encodeFromTrainer,
  encodePieces,
  encodeTensor,
  FrameError,
} from './frame.js';
export * from './generated/prunegrid/v1/coordination.js';

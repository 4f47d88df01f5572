export { TensorAssembler } from './assembler.js';

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

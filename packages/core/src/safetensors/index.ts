export { encode, headerText, type NamedTensor, type Pieces, piecesOf, type TensorData } from './encode.js';
export {
  openSafetensors,
  readSafetensors,
  readSafetensorsMetadata,
  readSafetensorsShapes,
  type Safetensors,
  type StoredElements,
  type StoredSafetensors,
  type Tensor,
} from './read.js';
export { writeSafetensors } from './write.js';

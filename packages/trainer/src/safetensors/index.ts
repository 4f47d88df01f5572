export { encode, type NamedTensor } from './encode.js';
export { readSafetensors, type Safetensors, type Tensor } from './read.js';
export { writeSafetensors } from './write.js';

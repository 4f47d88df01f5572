export type { BatchScore, DeviceVector, Engine, Network } from './engine.js';
export { loadTensorFlow } from './tensorflow/tensorflow.js';

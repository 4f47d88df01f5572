export type { BatchScore, Engine, Network } from './engine.js';
export { loadTensorFlow } from './tensorflow.js';

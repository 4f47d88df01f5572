export type { BatchScore, Engine } from './engine.js';
export { loadTensorFlow } from './tensorflow.js';

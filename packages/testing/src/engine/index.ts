export { smallDataset, streamed } from './dataset.js';
export { smallEngine } from './engine.js';
export { smallModel } from './model.js';

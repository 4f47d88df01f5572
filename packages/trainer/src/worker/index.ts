export { addInPlace } from './exchange/addition.js';
export { CHUNK_ELEMENTS, Circle } from './exchange/circle.js';
export { Pace } from './pace.js';
export { Replica } from './replica.js';
export { serve, type TrainerOptions } from './serve.js';

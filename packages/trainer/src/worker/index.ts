export { CHUNK_ELEMENTS, Circle } from '../collectives/peer-group.js';
export { Pace } from './step-credits.js';
export { Replica } from './replica.js';
export { serve, type TrainerOptions } from './serve.js';

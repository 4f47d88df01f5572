export { CHUNK_ELEMENTS, PeerGroup } from '../collectives/peer-group.js';
export { StepCredits } from './step-credits.js';
export { serve, type TrainerOptions } from './serve.js';

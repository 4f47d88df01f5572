export { PeerGroup } from '../collectives/peer-group.js';
export { CHUNK_ELEMENTS } from '../collectives/reduce-scatter-all-gather.js';
export { LeaseEnded, openChannel, type TrainerChannel } from './channel.js';
export { helloOf, join } from './handshake.js';
export { runRounds } from './rounds/run-rounds.js';
export { StepCredits } from './rounds/step-credits.js';
export { serve, type TrainerOptions } from './serve.js';
export type { SyncStrategy } from './sync/sync-strategy.js';

export { CHUNK_ELEMENTS, PeerGroup } from '../collectives/peer-group.js';
export { LeaseEnded, openChannel, type TrainerChannel } from './channel.js';
export { helloOf, join } from './handshake.js';
export { StepCredits } from './step-credits.js';
export { serve, type TrainerOptions } from './serve.js';

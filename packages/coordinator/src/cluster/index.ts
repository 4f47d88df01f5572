export { Gateway } from './gateway.js';
export { PeersUnreachable, TrainerGroup } from './group.js';
export { JobTrainers } from './job-trainers.js';
export { isOfTrainers, type Trainer } from './trainer.js';
export { Regrouped } from './membership.js';
export { TrainerPool } from './pool.js';
export { AUTO, reductionNamed } from './reduction.js';
export type { StepOutcome } from './rounds.js';

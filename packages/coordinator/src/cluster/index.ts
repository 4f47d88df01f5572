export { Gateway } from './gateway.js';
export { type ReductionChoice, TrainerGroup } from './group.js';
export { type Trainer, TrainerReported } from './trainer.js';
export { TrainerPool } from './pool.js';
export type { StepOutcome } from './rounds.js';

export { Gateway } from './gateway.js';
export { TrainerGroup } from './group.js';
export { type Trainer, TrainerReported } from './trainer.js';
export { TrainerPool } from './pool.js';
export { AUTO, reductionNamed } from './reduction.js';
export type { StepOutcome } from './rounds.js';

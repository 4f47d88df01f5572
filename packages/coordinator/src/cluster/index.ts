export { Gateway } from './gateway.js';
export { type ReductionChoice, type StepOutcome, TrainerGroup } from './group.js';
export { type Member, Reported } from './member.js';
export { TrainerPool } from './pool.js';

export { Gateway } from './gateway.js';
export { type StepOutcome, TrainerGroup } from './group.js';
export type { Member } from './member.js';
export { TrainerPool } from './pool.js';

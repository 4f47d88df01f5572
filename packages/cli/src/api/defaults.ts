import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';

/** What a run has if nothing else is asked for: two trainers on this machine. */
export const defaultTrainers: TrainerChoice = {
  trainers: 2,
  external: 0,
  listen: '127.0.0.1:0',
  wait: 120,
  reduction: 'auto',
};

/** The trainers that a program has asked for, with the defaults for the rest. */
export function trainerChoice(options: Partial<TrainerChoice>): TrainerChoice {
  const { trainers, external, listen, wait, reduction } = { ...defaultTrainers, ...options };
  return { trainers, external, listen, wait, reduction };
}

/** How many further attempts a trial gets that has lost a trainer. */
export const DEFAULT_RETRIES = 3;

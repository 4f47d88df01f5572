import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';

/** The trainers of a run by default: two on this machine. */
export const defaultTrainers: TrainerChoice = {
  trainers: 2,
  external: 0,
  reduction: 'auto',
  extensions: [],
};

/** Returns the trainers that a program has asked for, with defaults for the options that it left out. */
export function trainerChoice(options: Partial<TrainerChoice>): TrainerChoice {
  const choice = { ...defaultTrainers, ...options };
  const { trainers, external, minTrainers, maxTrainers, wait, reduction, extensions } = choice;
  const { listen, tokenFile, tls, insecure } = choice;
  return {
    ...{ trainers, external, minTrainers, maxTrainers, wait, reduction, extensions },
    ...{ listen, tokenFile, tls, insecure },
  };
}

/** How many times a trial that has lost a trainer is tried again. */
export const DEFAULT_RETRIES = 3;

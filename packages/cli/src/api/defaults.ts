import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';

/** What a run has if nothing else is asked for: two trainers on this machine. */
export const defaultTrainers: TrainerChoice = {
  trainers: 2,
  external: 0,
  listen: '127.0.0.1:0',
  wait: 120,
  reduction: 'auto',
  extensions: [],
};

/** The launcher that starts trainers if no other one is named. */
export const DEFAULT_LAUNCHER = 'local';

/** The trainers that a program has asked for, with the defaults for the rest. */
export function trainerChoice(options: Partial<TrainerChoice>): TrainerChoice {
  const { trainers, external, listen, wait, reduction, extensions } = { ...defaultTrainers, ...options };
  return { trainers, external, listen, wait, reduction, extensions };
}

/** How many further attempts a trial gets that has lost a trainer. */
export const DEFAULT_RETRIES = 3;

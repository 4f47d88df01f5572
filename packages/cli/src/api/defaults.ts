import type { Machine } from '@prunegrid/core/runtime';
import type { Launcher } from '@prunegrid/coordinator/launch';
import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';

/** The trainers of a run by default. */
export const defaultTrainers: TrainerChoice = {
  trainers: 2,
  external: 0,
  reduction: 'auto',
  extensions: [],
};

/**
 * Returns how many trainers a launcher starts by default: on this machine one for each GPU if all trials have the engine
 * `xla`, and otherwise two.
 * @param most how many can be at work
 */
export function trainersBy(
  { remote = false, byHand = false }: Pick<Launcher, 'remote' | 'byHand'>,
  { gpus }: Pick<Machine, 'gpus'>,
  engines: readonly string[],
  most = Infinity,
): number {
  const onGpus = !remote && !byHand && gpus.length > 0 && engines.every((name) => name === 'xla');
  return onGpus ? Math.min(gpus.length, most) : defaultTrainers.trainers;
}

/**
 * Returns the trainers that a program has asked for, with defaults for the options that it left out.
 * @param byDefault how many there are if the program does not say so
 */
export function trainerChoice(options: Partial<TrainerChoice>, byDefault = defaultTrainers.trainers): TrainerChoice {
  const choice = { ...defaultTrainers, ...options };
  const { trainers = byDefault } = options;
  const { external, minTrainers, maxTrainers, wait, reduction, extensions } = choice;
  const { listen, tokenFile, tls, insecure } = choice;
  return {
    ...{ trainers, external, minTrainers, maxTrainers, wait, reduction, extensions },
    ...{ listen, tokenFile, tls, insecure },
  };
}

/** How many times a trial that has lost a trainer is tried again. */
export const DEFAULT_RETRIES = 3;

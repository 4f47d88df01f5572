import { type Command, InvalidArgumentError, Option } from 'commander';

import { defaultTrainers } from './api/defaults.js';

/** A parser of a flag's whole number, which must be at least `least`. */
export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > 0xffffffff) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} up.`);
    }
    return value;
  };
}

/** Adds the options of every command that starts a coordinator: those of `TrainerChoice`. */
export function withTrainerOptions(command: Command): Command {
  const { trainers, external, listen, wait, reduction } = defaultTrainers;
  return command
    .option('--trainers <n>', 'trainer processes to start on this machine', wholeNumber(0), trainers)
    .option(
      '--external <n>',
      'trainers to wait for that are started elsewhere, besides those',
      wholeNumber(0),
      external,
    )
    .option('--listen <host:port>', 'where trainers dial in; port 0 takes a free one', listen)
    .option('--wait <seconds>', 'how long to wait for the trainers', wholeNumber(1), wait)
    .addOption(
      new Option(
        '--reduction <way>',
        'who adds gradients up: the coordinator (hub), or the trainers a slice each (sharded)',
      )
        .choices(['auto', 'hub', 'sharded'])
        .default(reduction, 'auto: by their size'),
    );
}

/** Gathers the values of a flag that may be repeated. */
export const collect = (value: string, previous: string[]): string[] => [...previous, value];

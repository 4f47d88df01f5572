import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import { extensionHelp } from '@prunegrid/core/extension';
import { addressProblem } from '@prunegrid/core/text/address';
import { type Command, InvalidArgumentError, Option } from 'commander';

import { defaultTrainers } from './api/defaults.js';

/** The largest number that a flag takes, which is the largest seed. */
const MOST = 0xffffffff;

/** Returns a parser for a flag whose value is a whole number that is at least `least`. */
export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > MOST) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${MOST}.`);
    }
    return value;
  };
}

/** Returns a parser for a flag whose value is a number above `least`. */
export function above(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value <= least) {
      throw new InvalidArgumentError(`It must be a number above ${least}.`);
    }
    return value;
  };
}

/** Parses a flag's numbers above 1, which commas join. */
export const ratios = (text: string): number[] => text.split(',').map(above(1));

/** Parses a flag's HOST:PORT. */
export function address(text: string): string {
  const problem = addressProblem(text);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return text;
}

/**
 * Adds `--extension`. The files are loaded before the command starts, and their absolute paths become its option
 * `extensions`.
 */
export function withExtensions(command: Command): Command {
  return command.option('--extension <file>', extensionHelp, collect, []).hook('preAction', async (_, action) => {
    const { extension: files } = action.opts<{ extension: string[] }>();
    const extensions =
      files.length === 0 ? [] : await (await import('@prunegrid/coordinator/extension')).loadExtensions(files);
    action.setOptionValue('extensions', extensions);
  });
}

/**
 * Adds `--launch`. The name is checked before the command starts, so that a misspelt one is reported before any folder
 * is made.
 */
export function withLauncher(command: Command): Command {
  return command
    .hook('preAction', async (_, action) => {
      const { launch } = action.opts<{ launch?: string }>();
      if (launch !== undefined) (await import('@prunegrid/coordinator/launch')).launchers.get(launch);
    })
    .option('--launch <name>', 'how trainers are started (default: what the file says, or else local)');
}

/** Adds `--engine`, which is short for an override of that key. */
export function withEngine(command: Command): Command {
  return command
    .hook('preAction', (_, action) => {
      const { engine, set } = action.opts<{ engine?: string; set: string[] }>();
      if (engine === undefined) return;
      action.setOptionValueWithSource(
        'set',
        [...set, `engine=${engine}`],
        action.getOptionValueSource('set') ?? 'default',
      );
    })
    .option('--engine <name>', 'the same as --set engine=NAME: tensorflow, or xla for accelerators');
}

/** The options that `withTrainerOptions` adds to a command. */
export interface TrainerFlags extends Omit<TrainerChoice, 'trainers'> {
  trainers?: number;
  /** The name of the launcher that starts the trainers, in place of what the experiment or the sweep says. */
  launch?: string;
}

/** Adds the options `TrainerFlags`, which every command that starts a coordinator has. */
export function withTrainerOptions(command: Command): Command {
  const { external, reduction } = defaultTrainers;
  return withLauncher(withExtensions(command))
    .hook('preAction', async (_, action) => {
      (await import('@prunegrid/coordinator/cluster')).reductionNamed(action.opts<TrainerFlags>().reduction);
    })
    .option(
      '--trainers <n>',
      'trainers to start, as processes of this machine or by --launch (default: 2, or on GPUs one for each)',
      wholeNumber(0),
    )
    .option(
      '--external <n>',
      'trainers to wait for that are started elsewhere, besides those',
      wholeNumber(0),
      external,
    )
    .option('--listen <host:port>', 'where trainers dial in (default: a free port)', address)
    .option('--token-file <file>', 'the secret of external trainers (default: one is drawn, and its file is printed)')
    .option('--tls <dir>', "the coordinator's certificates, as prunegrid pki init makes them")
    .option('--insecure', 'let other machines connect without encryption', false)
    .option(
      '--wait <seconds>',
      'how long to wait for trainers (default: 120, or as long as a queue takes)',
      wholeNumber(1),
    )
    .option(
      '--min-trainers <n>',
      'how many are enough to begin when that time is over, and to go on when others are lost',
      wholeNumber(1),
      1,
    )
    .option(
      '--max-trainers <n>',
      'how many may take part if more come (default: those that are waited for)',
      wholeNumber(1),
    )
    .addOption(
      new Option(
        '--reduction <name>',
        'how gradients are added up: by the coordinator (hub), or by the trainers, a slice each (sharded)',
      ).default(reduction, 'auto: by their size'),
    );
}

/** Collects the values of a flag that may be repeated. */
export const collect = (value: string, previous: string[]): string[] => [...previous, value];

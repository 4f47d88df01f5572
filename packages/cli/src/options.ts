import { type Command, InvalidArgumentError, Option } from 'commander';

/** Parses a flag's whole number. */
export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > 0xffffffff) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} up.`);
    }
    return value;
  };
}

/** The options of every command that starts a coordinator: `TrainerChoice`. */
export function withTrainerOptions(command: Command): Command {
  return command
    .option('--trainers <n>', 'trainer processes to start on this machine', wholeNumber(0), 2)
    .option('--external <n>', 'trainers to wait for that are started elsewhere, besides those', wholeNumber(0), 0)
    .option('--listen <host:port>', 'where trainers dial in; port 0 takes a free one', '127.0.0.1:0')
    .option('--wait <seconds>', 'how long to wait for the trainers', wholeNumber(1), 120)
    .addOption(
      new Option(
        '--reduction <way>',
        'who adds gradients up: the coordinator (hub), or the trainers a slice each (sharded)',
      )
        .choices(['auto', 'hub', 'sharded'])
        .default('auto', 'auto: by their size'),
    );
}

/** Gathers a flag that may be repeated. */
export const collect = (value: string, previous: string[]): string[] => [...previous, value];

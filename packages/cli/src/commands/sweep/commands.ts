import type { Command } from 'commander';

import { DEFAULT_RETRIES } from '../../api/defaults.js';
import type { CommandEnvironment } from '../../environment.js';
import { collect, wholeNumber, withEngine, withExtensions, withTrainerOptions } from '../../options.js';
import { reproductionNames } from '../../reproduction/paper-tables.js';
import type { ReproduceOptions } from '../reproduce.js';
import type { QueueOptions } from './enqueue.js';
import type { SweepPlanOptions } from './plan.js';
import type { SweepResumeOptions } from './resume.js';
import type { SweepRunOptions } from './run.js';
import type { SweepSubmitOptions } from './submit-job.js';

/** Adds the subcommands `plan`, `run`, `resume`, `submit`, `status`, `watch`, `cancel` and `ls`. */
export function addSweepCommands(sweep: Command, environment: CommandEnvironment): void {
  withOverrides(withExtensions(sweep.command('plan')))
    .description('print every trial of a sweep and what they share; starts nothing')
    .argument('<file>', 'the sweep, a YAML file')
    .option('--trainers <n>', 'trainers that the time is estimated for', wholeNumber(1), 2)
    .option('--json', 'print a JSON object', false)
    .action(async (file: string, options: SweepPlanOptions) =>
      (await import('./plan.js')).sweepPlan(file, options, environment),
    );
  withOverrides(withRunOptions(sweep.command('run')))
    .description('run all trials of a sweep')
    .argument('<file>', 'the sweep, a YAML file')
    .option('--out <dir>', "the sweep's folder, new or empty (default: sweeps/NAME-TIME)")
    .action(async (file: string, options: SweepRunOptions) =>
      (await import('./run.js')).sweepRun(file, options, environment),
    );
  withOverrides(withRunOptions(sweep.command('submit')))
    .description(
      'the same in a process that outlives the terminal, in a job of the cluster, or in that of prunegrid serve',
    )
    .argument('<file>', 'the sweep, a YAML file')
    .option('--out <dir>', "the sweep's folder, new or empty (default: sweeps/NAME-TIME)")
    .option('--queue <dir>', 'put it into the queue of a prunegrid serve instead')
    .option('--user <name>', 'with --queue: whose sweep it is (default: the login name)')
    .option('--print', 'with --launch slurm or kubernetes: show what would be submitted, and submit nothing', false)
    .action(async (file: string, options: SweepSubmitOptions | QueueOptions, command: Command) => {
      if ('queue' in options)
        await (await import('./enqueue.js')).sweepEnqueue(file, options, flagsOf(command), environment);
      else await (await import('./submit.js')).sweepSubmit(file, options, flagsOf(command), environment);
    });
  withRunOptions(sweep.command('resume'))
    .description('finish what is unfinished of a sweep')
    .argument('<dir>', "the sweep's folder")
    .option('--failed', 'try those trials again that have failed, and no others', false)
    .option('--extend', "add the trials that the sweep's file has gained: seeds, values of an axis", false)
    .action(async (folder: string, options: SweepResumeOptions) =>
      (await import('./resume.js')).sweepResume(folder, options, environment),
    );
  ofFolder(sweep.command('status'), 'print how a sweep stands').action(
    async (folder: string, options: { json: boolean }) =>
      (await import('./status.js')).sweepStatus(folder, options, environment),
  );
  ofFolder(sweep.command('watch'), 'follow a sweep until it ends').action(
    async (folder: string, options: { json: boolean }) =>
      (await import('./watch.js')).sweepWatch(folder, options, environment),
  );
  ofFolder(sweep.command('cancel'), 'end a running sweep at the next step, or take it out of its queue').action(
    async (folder: string, options: { json: boolean }) =>
      (await import('./cancel.js')).sweepCancel(folder, options, environment),
  );
  sweep
    .command('ls')
    .description('list the sweeps in a folder or a queue')
    .argument('[parent]', 'the folder that holds their folders, or a queue', 'sweeps')
    .option('--json', 'print a JSON object a line', false)
    .action(async (parent: string, options: { json: boolean }) =>
      (await import('./list.js')).sweepList(parent, options, environment),
    );
}

/** Adds the command `reproduce`, which runs the sweep of a table of the paper. */
export function addReproduceCommand(program: Command, environment: CommandEnvironment): void {
  withOverrides(withRunOptions(program.command('reproduce')))
    .description("run what the paper's tables of a network need, and print them beside the paper's figures")
    .argument('<table>', `the network: ${reproductionNames.join(', ')}`)
    .option('--data <dir>', 'the folder with ImageNet, for alexnet; without it, what is known without a run is printed')
    .option('--out <dir>', "the sweep's folder; what it holds already is not run again (default: reproductions/TABLE)")
    .action(async (table: string, options: ReproduceOptions) =>
      (await import('../reproduce.js')).reproduce(table, options, environment),
    );
}

/** Adds the options of `SweepCommandOptions`. */
function withRunOptions(command: Command): Command {
  return withTrainerOptions(command)
    .option('--max-concurrent <n>', 'trials at the same time, at most', wholeNumber(1))
    .option('--retries <n>', 'further attempts at a trial that has lost a trainer', wholeNumber(0), DEFAULT_RETRIES)
    .option('--mlflow <url>', 'an MLflow server that follows the sweep (default: MLFLOW_TRACKING_URI)')
    .option('--fail-fast', 'end the sweep when the first trial fails for good', false)
    .option('--json', 'print one JSON object a line, one for each event', false);
}

/** Adds the options of `SweepOverrides`. */
function withOverrides(command: Command): Command {
  return withEngine(command)
    .option('--set <key=value>', 'override a key of the base experiment; may be repeated', collect, [])
    .option('--seeds <n>', 'run each cell with so many seeds, whatever the file says', wholeNumber(1));
}

/** Adds the description, the argument and the options that all commands for a sweep's folder share. */
function ofFolder(command: Command, description: string): Command {
  return command.description(description).argument('<dir>', "the sweep's folder").option('--json', 'print JSON', false);
}

/** Returns the flags that were given, without --out, --json and defaults: `['--trainers', '4', '--fail-fast']`. */
function flagsOf(command: Command): string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName();
    const value = command.getOptionValue(name) as unknown;
    if (['out', 'json'].includes(name) || command.getOptionValueSource(name) !== 'cli') return [];
    if (value === true) return [option.long ?? ''];
    return [value].flat().flatMap((each) => [option.long ?? '', String(each)]);
  });
}

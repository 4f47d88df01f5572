import { runCommand } from '@prunegrid/core/command-line';
import { extensionHelp } from '@prunegrid/core/extension';
import { Command } from 'commander';

import type { EvaluateOptions } from './evaluate.js';
import { collect, wholeNumber, withExtensions, withTrainerOptions } from './options.js';
import type { ResumeOptions, RunOptions } from './run.js';
import type { ServeOptions } from './serve.js';
import { addReproduceCommand, addSweepCommands } from './sweep/commands.js';
import type { SyncOptions } from './sync.js';
import { nodeRuntime } from '@prunegrid/transport/node';
import type { TrainerCommandOptions } from '@prunegrid/trainer/run-trainer';
import { version } from '@prunegrid/core/version';

/** Parses the command line and runs the command. */
async function main(): Promise<void> {
  const program = new Command('prunegrid')
    .description('Prunes neural networks by ADMM, data-parallel over trainers.')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help lists the options)')
    .exitOverride();

  withTrainerOptions(program.command('run'))
    .description('run an experiment to the end: dense training, ADMM, hard pruning, masked retraining')
    .argument('<file>', 'the experiment, a YAML file')
    .option('--set <key=value>', 'override a key of the experiment; may be repeated', collect, [])
    .option('--out <dir>', 'the run folder, new or empty (default: runs/NAME-TIME)')
    .option('--mlflow <url>', 'MLflow server to log to (default: MLFLOW_TRACKING_URI, where set)')
    .option('--seed <n>', 'the same as --set seed=N', wholeNumber(0))
    .option('--json', 'print one JSON object a line, one for each event', false)
    .action(async (file: string, options: RunOptions) => (await import('./run.js')).run(file, options));

  withTrainerOptions(program.command('resume'))
    .description('go on with a run that was interrupted, where it was saved')
    .argument('<dir>', 'the run folder')
    .option('--mlflow <url>', 'MLflow server to log to (default: where the run was sent before)')
    .option('--json', 'print one JSON object a line, one for each event', false)
    .action(async (folder: string, options: ResumeOptions) => (await import('./run.js')).resume(folder, options));

  program
    .command('trainer')
    .description('serve a coordinator, here or on another machine, until it is done')
    .requiredOption('--coordinator <host:port>', 'where the coordinator listens')
    .option('--extension <file>', extensionHelp, collect, [])
    .action(async (options: TrainerCommandOptions) =>
      (await import('@prunegrid/trainer/run-trainer')).runTrainer(options, nodeRuntime),
    );

  withExtensions(program.command('evaluate'))
    .description("count a model's non-zero weights and measure its accuracy anew")
    .argument('<run-or-file>', 'a run folder or a safetensors file')
    .option('--model <name>', "the network (default: the one that the file's metadata name)")
    .option('--json', 'print a JSON object', false)
    .action(async (place: string, options: EvaluateOptions) =>
      (await import('./evaluate.js')).evaluate(place, options),
    );

  addSweepCommands(program.command('sweep').description('many experiments that differ in a few keys'));

  withExtensions(program.command('serve'))
    .description('work on the sweeps that are submitted to a queue, until interrupted')
    .argument('<queue>', "the queue's folder; made where there is none")
    .option('--trainers <n>', 'trainers at work at the same time, over all sweeps', wholeNumber(1), 2)
    .option('--max-sweeps <n>', 'sweeps at the same time, one of each user at most', wholeNumber(1), 4)
    .option('--json', 'print one JSON object a line, one for each event of a sweep', false)
    .action(async (queue: string, options: ServeOptions) => (await import('./serve.js')).serve(queue, options));

  addReproduceCommand(program);

  program
    .command('report')
    .description("write a sweep's results as a page and as CSV, Markdown and LaTeX tables")
    .argument('<dir>', "the sweep's folder, finished or not")
    .option('--json', 'print a JSON object', false)
    .action(async (place: string, options: { json: boolean }) => (await import('./report.js')).report(place, options));

  program
    .command('sync')
    .description('send to MLflow what it lacks of a run or a sweep')
    .argument('<run-or-sweep>', 'the folder of a run or a sweep')
    .option('--mlflow <url>', 'the server (default: where the run was sent before, else MLFLOW_TRACKING_URI)')
    .action(async (folder: string, options: SyncOptions) => (await import('./sync.js')).sync(folder, options));

  await runCommand(() => program.parseAsync());
}

await main();

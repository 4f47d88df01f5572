import type { TrainerCommandOptions } from '@prunegrid/trainer/run-trainer';
import { printable } from '@prunegrid/core/text/printable';
import { version } from '@prunegrid/core/version';
import { extensionHelp } from '@prunegrid/core/extension';
import { Command, Option } from 'commander';

import type { DoctorOptions } from './commands/doctor.js';
import type { EngineOptions } from './commands/engine/parts.js';
import type { EvaluateCommandOptions } from './commands/evaluate.js';
import type { ExportCommandOptions } from './commands/export.js';
import type { ModelShowOptions } from './commands/model/show.js';
import type { PkiOptions } from './commands/pki.js';
import type { RunCommandOptions } from './commands/run.js';
import type { SensitivityCommandOptions } from './commands/sensitivity.js';
import type { ServeOptions } from './commands/serve.js';
import { addReproduceCommand, addSweepCommands } from './commands/sweep/commands.js';
import type { ShowRunOptions } from './commands/show-run.js';
import type { SyncCommandOptions } from './commands/sync.js';
import type { CommandEnvironment } from './environment.js';
import {
  above,
  collect,
  ratios,
  wholeNumber,
  withEngine,
  withExtensions,
  withLauncher,
  withTrainerOptions,
} from './options.js';

/** Returns the command with all its subcommands. The code of a subcommand is loaded when it is run. */
export function programOf(environment: CommandEnvironment): Command {
  const program = new Command('prunegrid')
    .description('Prunes neural networks by ADMM, data-parallel over trainers.')
    .version(version)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help lists the options)')
    .configureOutput({
      writeOut: (text) => environment.stdout.write(text),
      writeErr: (text) => environment.stderr.write(printable(text)),
    })
    .exitOverride();

  withEngine(withTrainerOptions(program.command('run')))
    .description('run an experiment to the end: dense training, ADMM, hard pruning, masked retraining')
    .argument('<file>', 'the experiment, a YAML file')
    .option('--set <key=value>', 'override a key of the experiment; may be repeated', collect, [])
    .option('--out <dir>', 'the run folder, new or empty (default: runs/NAME-TIME)')
    .option('--mlflow <url>', 'MLflow server to log to (default: MLFLOW_TRACKING_URI, if it is set)')
    .option('--seed <n>', 'the same as --set seed=N', wholeNumber(0))
    .option('--json', 'print one JSON object a line, one for each event', false)
    .action(async (file: string, options: RunCommandOptions) =>
      (await import('./commands/run.js')).run(file, options, environment),
    );

  withTrainerOptions(program.command('resume'))
    .description('resume a run that was interrupted, from where it was saved')
    .argument('<dir>', 'the run folder')
    .option('--mlflow <url>', 'MLflow server to log to (default: the one that the run was sent to before)')
    .option('--json', 'print one JSON object a line, one for each event', false)
    .action(async (folder: string, options: ShowRunOptions) =>
      (await import('./commands/resume.js')).resume(folder, options, environment),
    );

  program
    .command('trainer')
    .description('serve a coordinator, here or on another machine, until it is done')
    .option('--coordinator <host:port>', 'where the coordinator listens')
    .option('--coordinator-file <file>', 'a file that says so instead')
    .option('--token-file <file>', "the coordinator's token; - reads standard input")
    .option('--tls <dir>', 'a folder with ca.crt and, unless a token suffices, tls.crt and tls.key')
    .option('--insecure', 'talk to another machine without encryption', false)
    .option('--extension <file>', extensionHelp, collect, [])
    .option('--redial <seconds>', 'how long to dial again when the coordinator is lost (default: 300)')
    .action(async (options: TrainerCommandOptions) => {
      environment.exitWithWrapper();
      const { runTrainer } = await import('@prunegrid/trainer/run-trainer');
      await runTrainer(options, environment.runtime, environment.termination());
    });

  withExtensions(program.command('evaluate'))
    .description("count a model's non-zero weights and re-evaluate its accuracy")
    .argument('<run-or-file>', 'a run folder, or a safetensors or compact file')
    .option('--model <name>', "the network (default: the one that the file's metadata name)")
    .option('--json', 'print a JSON object', false)
    .action(async (place: string, options: EvaluateCommandOptions) =>
      (await import('./commands/evaluate.js')).evaluate(place, options, environment),
    );

  program
    .command('init')
    .description('write files to begin with')
    .command('model')
    .description('write a network as a module, with a test and an experiment beside it')
    .argument('[file]', 'the module', 'my-model.mjs')
    .action(async (file: string) => (await import('./commands/init-model.js')).initModel(file, environment));

  program
    .command('model')
    .description('what a network consists of')
    .command('show')
    .description("print a network's layers, what of it is pruned, and what it is given")
    .argument('<model>', "a registered model, a network's file, or an experiment")
    .option('--ratio <r>', 'print the weights that each budget rule keeps at this compression ratio', above(1))
    .option('--rule <name>', 'with --ratio: the budget rule whose keeps are printed to be pasted', 'erk')
    .option('--svg <file>', 'draw the network into this file')
    .option('--set <key=value>', 'override a key of the experiment; may be repeated', collect, [])
    .option('--json', 'print a JSON object', false)
    .action(async (place: string, options: ModelShowOptions) =>
      (await import('./commands/model/show.js')).modelShow(place, options, environment),
    );

  withExtensions(program.command('sensitivity'))
    .description('prune each layer of a trained network alone, and evaluate it without retraining')
    .argument('<network>', "an experiment, a run folder, or a network's file with --data")
    .option('--data <path>', "the data for a network's file: a registered name or a path")
    .option('--set <key=value>', 'override a key of the experiment, or of dataset; may be repeated', collect, [])
    .option('--ratios <list>', 'the compression ratios of a layer (default: 2,5,10,20,50,100)', ratios)
    .option('--images <n>', 'held-out images to evaluate on, in whole hundreds (default: all)', wholeNumber(1))
    .option('--out <dir>', 'the folder for sensitivity.json and a chart; what it holds already is not measured again')
    .option('--json', 'print a JSON object', false)
    .action(async (place: string, options: SensitivityCommandOptions) =>
      (await import('./commands/sensitivity.js')).sensitivity(place, options, environment),
    );

  withExtensions(program.command('export'))
    .description('write a trained network in a form that other programs read')
    .argument('<run-or-file>', 'a run folder, or a safetensors or compact file')
    .requiredOption('--format <name>', 'onnx, tfjs, safetensors or compact')
    .requiredOption('--out <path>', 'the file to be written, for tfjs a folder')
    .option('--values <type>', 'how compact stores values: fp32, fp16 or int8 (default: fp16)')
    .option('--model <name>', 'the network, or where its file is now (default: what the run or the file names)')
    .option('--json', 'print a JSON object', false)
    .action(async (place: string, options: ExportCommandOptions) =>
      (await import('./commands/export.js')).exportCommand(place, options, environment),
    );

  addSweepCommands(program.command('sweep').description('many experiments that differ in a few keys'), environment);

  withLauncher(withExtensions(program.command('serve')))
    .description('work on the sweeps that are submitted to a queue, until interrupted')
    .argument('<queue>', "the queue's folder, which is made if there is none")
    .option('--trainers <n>', 'trainers at work at the same time, over all sweeps', wholeNumber(1), 2)
    .option('--max-sweeps <n>', 'sweeps at the same time, one of each user at most', wholeNumber(1), 4)
    .option('--json', 'print one JSON object a line, one for each event of a sweep', false)
    .action(async (queue: string, options: ServeOptions) =>
      (await import('./commands/serve.js')).serve(queue, options, environment),
    );

  addReproduceCommand(program, environment);

  program
    .command('doctor')
    .description('look at what this machine has for training, and say what is missing and what to do about it')
    .option('--json', 'print a JSON object', false)
    .addOption(new Option('--step <engine>', 'time the steps of an engine in this process').hideHelp())
    .action(async (options: DoctorOptions) => (await import('./commands/doctor.js')).doctor(options, environment));

  const engine = program
    .command('engine')
    .description('what trains: its libraries, and how they come onto this machine');
  engine
    .command('list')
    .description('print the engines, what is installed for them, and where')
    .option('--json', 'print a JSON object', false)
    .action(async (options: { json: boolean }) =>
      (await import('./commands/engine/list.js')).engineList(options, environment),
    );
  engine
    .command('install')
    .description('install what an engine needs on this machine, or go on where that was interrupted')
    .argument('<name>', 'the engine')
    .option('--part <name>', 'this part of it, such as a plugin for another machine (see engine list)')
    .action(async (name: string, options: EngineOptions) =>
      (await import('./commands/engine/install.js')).engineInstall(name, options, environment),
    );
  engine
    .command('remove')
    .description('remove what was installed for an engine')
    .argument('<name>', 'the engine')
    .option('--part <name>', 'this part of it alone')
    .action(async (name: string, options: EngineOptions) =>
      (await import('./commands/engine/remove.js')).engineRemove(name, options, environment),
    );

  program
    .command('report')
    .description("write a sweep's results as a page and as CSV, Markdown and LaTeX tables")
    .argument('<dir>', "the sweep's folder, finished or not")
    .option('--json', 'print a JSON object', false)
    .action(async (place: string, options: { json: boolean }) =>
      (await import('./commands/report.js')).report(place, options, environment),
    );

  program
    .command('verify')
    .description('check the stored files of a run or a sweep, and repair what can be repaired')
    .argument('<dir>', 'the folder of a run or a sweep')
    .option('--json', 'print a JSON object for each file', false)
    .action(async (place: string, options: { json: boolean }) =>
      (await import('./commands/verify.js')).verify(place, options, environment),
    );

  program
    .command('logs')
    .description('print what the trainers of a run, a trial or a sweep have printed')
    .argument('<dir>', 'the folder of a run, a trial or a sweep')
    .option('--json', 'print the files and their trainers as JSON instead', false)
    .action(async (place: string, options: { json: boolean }) =>
      (await import('./commands/logs.js')).logs(place, options, environment),
    );

  program
    .command('sync')
    .description('send to MLflow what it lacks of a run or a sweep')
    .argument('<run-or-sweep>', 'the folder of a run or a sweep')
    .option(
      '--mlflow <url>',
      'the server (default: the one that the run was sent to before, or else MLFLOW_TRACKING_URI)',
    )
    .action(async (folder: string, options: SyncCommandOptions) =>
      (await import('./commands/sync.js')).sync(folder, options, environment),
    );

  const pki = program.command('pki').description('certificates for trainers on other machines');
  const withPkiOptions = (command: Command) =>
    command
      .option('--dir <dir>', 'where the authority and what it issues are kept', 'pki')
      .option('--days <n>', 'how long a certificate is valid', wholeNumber(1), 365);
  withPkiOptions(pki.command('init'))
    .description("make a certificate authority, and the coordinator's certificate")
    .action(async (options: PkiOptions) => (await import('./commands/pki.js')).pkiInit(options, environment));
  withPkiOptions(pki.command('issue'))
    .description('issue a certificate, in place of an earlier one of this name')
    .argument('<role>', 'trainer or coordinator')
    .argument('<name>', 'the name of its folder, such as that of its machine')
    .action(async (role: string, name: string, options: PkiOptions) =>
      (await import('./commands/pki.js')).pkiIssue(role, name, options, environment),
    );

  return program;
}

import { runCommand } from '@prunegrid/core/command-line';
import { extensionHelp } from '@prunegrid/core/extension';
import { terminationOf } from '@prunegrid/core/node/termination';
import { exitWithWrapper } from '@prunegrid/core/node/wrapper';
import { version } from '@prunegrid/core/version';
import { nodeRuntime } from '@prunegrid/transport/node';
import { Command } from 'commander';

import { runTrainer, type TrainerCommandOptions } from './run-trainer.js';

/** The command `prunegrid-trainer`, for machines that run trainers but no coordinator. */
const program = new Command('prunegrid-trainer')
  .description('serve a prunegrid coordinator, here or on another machine, until it is done')
  .version(version)
  .option('--coordinator <host:port>', 'where the coordinator listens')
  .option('--coordinator-file <file>', 'a file that says so instead')
  .option('--token-file <file>', "the coordinator's token; - reads standard input")
  .option('--tls <dir>', 'a folder with ca.crt and, unless a token suffices, tls.crt and tls.key')
  .option('--insecure', 'talk to another machine without encryption', false)
  .option('--extension <file>', extensionHelp, (file: string, before: string[]) => [...before, file], [])
  .option('--redial <seconds>', 'how long to dial again when the coordinator is lost (default: 300)')
  .showHelpAfterError('(--help lists the options)')
  .exitOverride()
  .action((options: TrainerCommandOptions) => runTrainer(options, nodeRuntime, terminationOf(process)));

exitWithWrapper(process, nodeRuntime.clock, program.name());
await runCommand(() => program.parseAsync());

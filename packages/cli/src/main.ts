import { runCommand } from '@prunegrid/core/command-line';
import { nodeRuntime } from '@prunegrid/transport/node';

import { nodeEnvironment } from './node-environment.js';
import { programOf } from './program.js';

/** `prunegrid`: parses the command line and runs the command on this machine. */
const program = programOf(nodeEnvironment(nodeRuntime, process));

await runCommand(() => program.parseAsync());

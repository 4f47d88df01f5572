import { runCommand } from '@prunegrid/core/command-line';
import { nodeHost } from '@prunegrid/core/node';

import { nodeEnvironment } from './node-environment.js';
import { programOf } from './program.js';

/** `prunegrid`: parses the command line and runs the command on this machine. */
const program = programOf(nodeEnvironment(nodeHost, process));

await runCommand(() => program.parseAsync());

import type { Host } from '../runtime/index.js';
import { nodeClock } from './clock.js';
import { nodeFiles } from './files.js';
import { nodeMachine } from './machine.js';
import { nodeMemory } from './memory.js';
import { nodeProcesses } from './processes.js';
import { nodeRandom } from './random.js';

/** The interfaces of `Host`, which exclude the network, implemented with Node.js. */
export const nodeHost: Host = {
  clock: nodeClock,
  files: nodeFiles,
  random: nodeRandom,
  processes: nodeProcesses,
  machine: nodeMachine,
  memory: nodeMemory,
};

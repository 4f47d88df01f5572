import type { Launcher } from '../launcher.js';
import { HEAP, trainerProgram } from '../trainer-command.js';
import { rayKeys } from './keys.js';
import { RayLaunch } from './launch.js';

/**
 * Returns a launcher that runs a program file as a job of Ray for each trainer. It must behave like prunegrid-trainer. The
 * folder of the launch must be on a disk that all nodes see, under the same path.
 */
export const rayLauncherOf = (program: string): Launcher => ({
  name: 'ray',
  keys: rayKeys,
  remote: true,
  queues: true,
  launch: (host, request) =>
    new RayLaunch(host, request, rayKeys.parse(request.keys), [host.processes.node, HEAP, program]),
});

/** Launcher of trainers as jobs of a Ray cluster that is there already. */
export const rayLauncher = rayLauncherOf(trainerProgram);

import type { Host } from '@prunegrid/core/runtime';

import type { Launcher } from '../launcher.js';
import { HEAP, trainerProgram } from '../trainer-command.js';
import { slurmCoordinators } from './coordinator.js';
import { slurmKeys } from './keys.js';
import { SlurmLaunch, type SlurmOptions } from './launch.js';

/**
 * Returns a launcher that runs a program file as a task of Slurm for each trainer. It must behave like prunegrid-trainer.
 * The folder of the launch must be on a disk that all nodes see, under the same path.
 */
export function slurmLauncherOf(program: string, options: Omit<SlurmOptions, 'program'> = {}): Launcher {
  const trainer = ({ processes }: Pick<Host, 'processes'>) => [processes.node, HEAP, program];
  return {
    name: 'slurm',
    keys: slurmKeys,
    remote: true,
    queues: true,
    coordinators: slurmCoordinators(trainer),
    launch: (host, request) =>
      new SlurmLaunch(host, request, slurmKeys.parse(request.keys), { program: trainer(host), ...options }),
  };
}

/** Launcher of trainers as tasks of a Slurm cluster. */
export const slurmLauncher = slurmLauncherOf(trainerProgram);

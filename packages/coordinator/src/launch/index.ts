import { Registry } from '@prunegrid/core/registry';

import type { Launcher } from './launcher.js';
import { kubernetesLauncher } from './kubernetes/kubernetes.js';
import { localLauncher } from './local/local.js';
import { noneLauncher } from './none/none.js';
import { rayLauncher } from './ray/ray.js';
import { slurmLauncher } from './slurm/slurm.js';

export { type ChosenLauncher, chooseLauncher, DEFAULT_LAUNCHER, keysOf } from './choice.js';
export type {
  CoordinatorJobs,
  CoordinatorRequest,
  EndCause,
  Launch,
  Launcher,
  LaunchEvent,
  LaunchKeys,
  LaunchRequest,
  TrainerResources,
} from './launcher.js';

/** The ways to start trainers that this process knows. */
export const launchers = new Registry<Launcher>('launcher', [
  localLauncher,
  slurmLauncher,
  rayLauncher,
  kubernetesLauncher,
  noneLauncher,
]);

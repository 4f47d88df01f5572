import type { Launcher } from '../launcher.js';
import { kubernetesCoordinators } from './coordinator.js';
import { kubernetesKeys } from './keys.js';
import { KubernetesLaunch } from './launch.js';

/**
 * Returns a launcher that runs a program as a pod for each trainer. It must behave like prunegrid-trainer.
 * @param program the words that start it in its image
 * @param options `latestLookMs`: milliseconds between two looks at most
 */
export const kubernetesLauncherOf = (
  program: readonly string[],
  { latestLookMs }: { latestLookMs?: number } = {},
): Launcher => ({
  name: 'kubernetes',
  keys: kubernetesKeys,
  remote: true,
  queues: true,
  coordinators: kubernetesCoordinators(program),
  launch: (host, request) =>
    new KubernetesLaunch(host, request, kubernetesKeys.parse(request.keys), program, latestLookMs),
});

/** Launcher of trainers as pods of a Kubernetes cluster. */
export const kubernetesLauncher = kubernetesLauncherOf(['prunegrid-trainer']);

import type { Host } from '@prunegrid/core/runtime';

import { KubernetesClient } from './client.js';
import { inCluster, isInCluster } from './in-cluster.js';
import type { KubernetesKeys } from './keys.js';
import { readKubeconfig } from './kubeconfig.js';

/**
 * Returns the API of the cluster that the kubeconfig names, or, without one, of the cluster in which this process runs.
 * @throws {Failure} if there is neither, or it cannot be used
 */
export async function connect(
  host: Host,
  { context, namespace }: Pick<KubernetesKeys, 'context' | 'namespace'>,
): Promise<KubernetesClient> {
  const file = host.files.userFile('KUBECONFIG', '.kube/config');
  // A pod is in the cluster that was meant, whatever the context was called where the sweep was submitted.
  const isPod = !(await host.files.status(file)) && (await isInCluster(host));
  const access = isPod ? await inCluster(host) : await readKubeconfig(host, file, context);
  return new KubernetesClient(access, namespace);
}

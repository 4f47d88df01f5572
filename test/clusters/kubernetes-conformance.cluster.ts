import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { kubernetesLauncherOf } from '@prunegrid/coordinator/launch/kubernetes';
import { describeLauncher } from '@prunegrid/testing/conformance/launcher';
import { afterAll, beforeAll } from 'vitest';

import { describeOnKubernetes, type KubernetesBench, startKubernetes } from './kubernetes/bench.js';

describeOnKubernetes('on an API server of the tests', () => {
  let bench: KubernetesBench;
  beforeAll(async () => {
    bench = await startKubernetes({ one: { cpu: 4, 'nvidia.com/gpu': 2 }, two: { cpu: 4, 'nvidia.com/gpu': 2 } });
    process.env['KUBECONFIG'] = bench.kubeconfig;
  });
  afterAll(() => bench?.stop());
  const podOf = (trainer: string) => {
    const pod = bench.pods().find(({ metadata }) => `pod ${metadata.name}` === trainer);
    if (!pod) throw new Error(`no ${trainer}`);
    return pod;
  };
  const keys = { name: 'kubernetes', image: 'prunegrid', gpus: 1, leaveWithin: 1 };

  describeLauncher(
    'kubernetes',
    (program) => {
      // What stands in for the image.
      const file = join(bench.image, 'stand-in.mjs');
      copyFileSync(program, file);
      return kubernetesLauncherOf([process.execPath, file], { latestLookMs: 1000 });
    },
    {
      keys,
      preempt: async (trainer) => bench.nodes.preempt(podOf(trainer)),
      cancelAll: async () => bench.removeJobs(),
      never: {
        keys: { ...keys, gpus: 3 },
        says: /^Kubernetes has not started them: 0\/2 nodes are available: 2 Insufficient nvidia.com\/gpu. \(each asks for 1 CPU, 3 nvidia.com\/gpu\)$/,
      },
      leftovers: async () => bench.left(),
    },
  );
});

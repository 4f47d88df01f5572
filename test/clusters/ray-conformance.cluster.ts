import { rayLauncherOf } from '@prunegrid/coordinator/launch/ray';
import { describeLauncher } from '@prunegrid/testing/conformance/launcher';
import { afterAll, describe } from 'vitest';

import { startRay } from './ray-bench.js';

describe('on a real Ray', async () => {
  const bench = await startRay();
  afterAll(() => bench.stop());
  const ofJob = (trainer: string) => trainer.replace('job ', '');
  const keys = { name: 'ray', address: bench.address, tokenFile: bench.tokenFile };

  describeLauncher('ray', rayLauncherOf, {
    keys,
    preempt: (trainer) => Promise.resolve(bench.loseNodeOf(ofJob(trainer))),
    cancel: (trainer) => bench.stopJob(ofJob(trainer)),
    never: {
      keys: { ...keys, gpus: 3 },
      says: /^Ray has not started them: each asks for 1 CPU, 3 GPU; all nodes have 8 CPU, 2 GPU$/,
    },
    // Ray has no way to take back a job that waits: it is told to end, and does when it would start.
    leftovers: async () =>
      (await bench.jobs()).filter(({ status }) => status === 'RUNNING').map(({ submission_id }) => submission_id),
  });
});

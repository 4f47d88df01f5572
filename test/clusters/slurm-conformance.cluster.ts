import { slurmLauncherOf } from '@prunegrid/coordinator/launch/slurm';
import { describeLauncher } from '@prunegrid/testing/conformance/launcher';

import { describeOnSlurm, type SlurmBench } from './slurm-bench.js';

const tests = (bench: SlurmBench) => {
  const ofTask = (trainer: string) => trainer.replace('task ', '');
  const keys = { name: 'slurm', gres: 'gpu:1' };

  describeLauncher('slurm', (program) => slurmLauncherOf(program, { latestLookMs: 1000 }), {
    keys,
    async preempt(trainer) {
      await bench.slurm('scontrol', 'requeue', ofTask(trainer));
      await bench.startNow(ofTask(trainer));
    },
    cancel: async (trainer) => void (await bench.slurm('scancel', ofTask(trainer))),
    tooMuch: { keys: { ...keys, gres: 'gpu:3' }, says: /^sbatch: .*Requested node configuration is not available$/ },
    never: {
      keys: { ...keys, partition: 'closed' },
      says: /^Slurm has not started them: PartitionDown \(job \d+\); asked for partition closed, cpus 1, gres gpu:1$/,
    },
    leftovers: async () => (await bench.slurm('squeue', '-h', '-o', '%i %T')).split('\n').filter((line) => line !== ''),
  });
};

describeOnSlurm('on a real Slurm', tests, { killWait: 2 });

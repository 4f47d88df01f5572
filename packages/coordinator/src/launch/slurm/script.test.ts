import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

import { quoted } from '../shell.js';
import { slurmKeys } from './keys.js';
import { coordinatorScript, listOf, trainersScript } from './script.js';

const keys = slurmKeys.parse({
  name: 'slurm',
  partition: 'gpu',
  gres: 'gpu:1',
  time: '04:00:00',
  flags: ['--exclusive', '--nice=10'],
  setup: ['module load nodejs/24'],
  coordinator: { partition: 'cpu', time: '7-00:00:00' },
});

describe('a script for Slurm', () => {
  it('of trainers says what a person would write', () => {
    expect(
      trainersScript({
        ...{
          name: 'lenet5',
          keys,
          trainers: 4,
          threads: 2,
          logs: '/shared/100% mine/logs',
          file: '/shared/trainers.sh',
        },
        command: ['/usr/bin/node', '/opt/prunegrid-trainer.js', '--token-file', "/shared/ann's/token"],
      }),
    ).toBe(`#!/bin/bash
# The trainers of lenet5, one task each. prunegrid submits this script; by hand: sbatch /shared/trainers.sh
#SBATCH --job-name=prunegrid-lenet5
#SBATCH --array=1-4
#SBATCH --output="/shared/100%% mine/logs/slurm-%A_%a.log"
#SBATCH --open-mode=append
#SBATCH --cpus-per-task=2
#SBATCH --gres=gpu:1
#SBATCH --partition=gpu
#SBATCH --time=04:00:00
#SBATCH --exclusive
#SBATCH --nice=10
# A task that loses its node, or its place to another job, goes back into the queue alone.
#SBATCH --requeue
# Before the time limit a trainer is told to leave, so that nothing of its work is lost.
#SBATCH --signal=B:TERM@120

module load nodejs/24
# The trainer takes the place of this shell, so that signals reach it.
exec /usr/bin/node /opt/prunegrid-trainer.js --token-file '/shared/ann'\\''s/token'
`);
  });

  const coordinator = (command: string[]) =>
    coordinatorScript({ name: 'sweep', keys, log: '/shared/log.txt', file: '/shared/coordinator.sh', command });

  it('of a coordinator asks for what it needs itself', () => {
    const script = coordinator(['true']);
    expect(script).toContain('#SBATCH --partition=cpu\n#SBATCH --time=7-00:00:00\n');
    expect(script).not.toContain('gres');
  });

  it('of a coordinator ends as the coordinator does, and goes back into the queue only near its time limit', () => {
    const bash = (script: string, before: string, env = {}) =>
      spawnSync('bash', ['-c', `scontrol() { echo "scontrol $*"; }; sleep() { :; }; ${before}\n${script}`], {
        encoding: 'utf8',
        env: { ...process.env, SLURM_JOB_ID: '7', ...env },
      });
    const without = (code: string) => bash(coordinator(['bash', '-c', code]).replace('module', '# module'), '');
    expect(without('exit 4')).toMatchObject({ status: 4, stdout: '' });
    // It saves for a while after the signal, as a coordinator does.
    const work = 'for i in $(seq 200); do sleep 0.1; done; exit 9';
    const told = (code: string) => `trap "sleep 0.3; exit ${code}" TERM; sleep 0.5; kill -SIGNAL $PPID; ${work}`;
    const saving = told('130');
    expect(without(saving.replace('SIGNAL', 'USR1'))).toMatchObject({ status: 130, stdout: 'scontrol requeue 7\n' });
    expect(without(saving.replace('SIGNAL', 'TERM'))).toMatchObject({ status: 130, stdout: '' });
    // One that ended just then is not run again.
    expect(without(told('0').replace('SIGNAL', 'USR1'))).toMatchObject({
      status: 0,
      stdout: '',
    });
  });

  it.each(["it's", 'two words', '$HOME', '`x`', 'a\\b', '"', 'plain-1.0/x', '%j', ''])(
    'quotes %j for the shell',
    (text) => expect(execFileSync('bash', ['-c', `printf %s ${quoted(text)}`], { encoding: 'utf8' })).toBe(text),
  );

  it('lists the tasks of an array', () => {
    expect([[1], [1, 2, 3], [1, 3, 4, 9]].map(listOf)).toEqual(['1', '1-3', '1,3-4,9']);
  });

  it.each([
    [{ partition: 'gpu\n#SBATCH --account=other' }, 'must be one line of text'],
    [{ flags: ['exclusive'] }, 'must begin with -'],
    [{ setup: ['a\nb'] }, 'must be one line of text'],
  ])('is refused with the keys %j', (wrong, why) => {
    expect(() => slurmKeys.parse({ name: 'slurm', ...wrong })).toThrow(why);
  });
});

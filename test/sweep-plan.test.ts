import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { prunegrid, temporaryFolder } from './environment/cli.js';

const sweep = 'experiments/sweep-smoke.yaml';
const experiment = 'experiments/lenet5-smoke.yaml';

it('prints every trial of a sweep, its weights and what is shared', async () => {
  const { code, stdout, stderr } = await prunegrid('sweep', 'plan', sweep);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toBe(`sweep-smoke: 4 cells, 4 trials, from ${experiment}`);
  expect(lines[1]).toBe(
    'Data: mnist; held out: the last 5,000 of the training part; test: its own part; no more than the first 2,048 of the training part and the test part',
  );
  expect(lines.filter((line) => /^\d/.test(line))).toHaveLength(4);
  expect(lines[5]).toMatch(/^1 +1 +0\.001 +\{rule: erk, ratio: 20\} +1 +21,525 +20\.0x +6 +[0-9a-f]{12}$/);
  expect(lines.at(-2)).toBe('Dense training is done once for 4 trials: 21 epochs in all, 24 without sharing');
});

it('prints the same as JSON, whole keys and counts by layer included', async () => {
  const { code, stdout } = await prunegrid('sweep', 'plan', sweep, '--json');
  expect(code).toBe(0);
  const { trials } = JSON.parse(stdout) as { trials: { key: string; kept: { layers: Record<string, number> } }[] };
  expect(new Set(trials.map(({ key }) => key)).size).toBe(4);
  for (const { key, kept } of trials) {
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.keys(kept.layers)).toEqual(['conv1', 'conv2', 'fc1', 'fc2']);
  }
});

it('estimates the time once a run like its trials has ended on this machine', async () => {
  const folder = await temporaryFolder();
  try {
    const short = ['dense.epochs=1', 'admm.iterations=1', 'retrain.epochs=1'].flatMap((key) => ['--set', key]);
    expect(await prunegrid('run', experiment, ...short, '--out', folder.path)).toMatchObject({ code: 0 });
    const { stdout } = await prunegrid('sweep', 'plan', sweep);
    expect(stdout).toMatch(/\nAbout [\d:]+( s)? on 2 trainers, from the times of earlier runs on this machine\n$/);
    const seconds = async (trainers: string): Promise<number> => {
      const plan = await prunegrid('sweep', 'plan', sweep, '--trainers', trainers, '--json');
      return (JSON.parse(plan.stdout) as { estimatedSeconds: number }).estimatedSeconds;
    };
    expect(await seconds('1')).toBeCloseTo(4 * (await seconds('4')), 6);
  } finally {
    await folder.remove();
  }
});

it('names the run that would make an estimate possible, with what differs from the base', async () => {
  const changed = ['dataset.limit=1777', 'dataset.validation=500'].flatMap((key) => ['--set', key]);
  const { stdout } = await prunegrid('sweep', 'plan', sweep, ...changed);
  const like = `prunegrid run ${experiment} --set dataset.validation=500 --set dataset.limit=1777 would measure one`;
  expect(stdout.trimEnd().split('\n').at(-1)).toBe(
    `No estimate of the time: no run like these has ended on this machine yet; ${like}`,
  );
});

it('plans a sweep that gives what its base lacks', async () => {
  const folder = await temporaryFolder();
  try {
    const text = await readFile(experiment, 'utf8');
    await writeFile(join(folder.path, 'base.yaml'), text.replace(/^keep:.*\n( .*\n)+/m, ''));
    const file = join(folder.path, 'sweep.yaml');
    const budget = '{ rule: erk, ratio: 20 }';
    await writeFile(file, `name: s\nbase: base.yaml\nset:\n  budget: ${budget}\n  dataset.limit: 1555\n`);
    const { code, stdout, stderr } = await prunegrid('sweep', 'plan', file);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      'No estimate of the time: no run like these has ended on this machine yet; a run of one of the trials would measure one',
    );
  } finally {
    await folder.remove();
  }
});

it.each([
  ['an experiment for a sweep', ['sweep', 'plan', experiment], `${experiment}: one experiment, not a sweep`],
  ['a sweep for an experiment', ['run', sweep], `${sweep}: a sweep, not one experiment`],
])('tells %s, in one line', async (_what, args, expected) => {
  const { code, stdout, stderr } = await prunegrid(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.startsWith(`prunegrid: ${expected}`), stderr).toBe(true);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});

import { expect, it } from 'vitest';

import { prunegrid } from './environment/cli.js';

const sweep = 'experiments/sweep-smoke.yaml';
const experiment = 'experiments/lenet5-smoke.yaml';

it('prints every trial of a sweep, its weights and what is shared', async () => {
  const { code, stdout, stderr } = await prunegrid('sweep', 'plan', sweep);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toBe(`sweep-smoke: 4 cells, 4 trials, from ${experiment}`);
  expect(lines.filter((line) => /^\d/.test(line))).toHaveLength(4);
  expect(lines[4]).toMatch(/^1 +1 +0\.001 +\{rule: erk, ratio: 20\} +1 +21,525 +20\.0x +6 +[0-9a-f]{12}$/);
  expect(lines.at(-1)).toBe('Dense training is done once for 4 trials: 21 epochs in all, 24 without sharing');
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

it.each([
  ['an experiment for a sweep', ['sweep', 'plan', experiment], `${experiment}: one experiment, not a sweep`],
  ['a sweep for an experiment', ['run', sweep], `${sweep}: a sweep, not one experiment`],
])('tells %s, in one line', async (_what, args, expected) => {
  const { code, stdout, stderr } = await prunegrid(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.startsWith(`prunegrid: ${expected}`), stderr).toBe(true);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});

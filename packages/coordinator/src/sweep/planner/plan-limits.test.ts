import { nodeHost } from '@prunegrid/core/node';
import { models } from '@prunegrid/trainer/models';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { planSweep } from './plan.js';

const phase = 'learningRate: { schedule: constant, value: 1e-3 }';
const base = `name: tiny
model: lenet5
dataset: { name: mnist }
keep: { conv1: 100 }
dense: &phase { epochs: 6, ${phase} }
admm: { iterations: 16, rho: 1e-3, ${phase} }
retrain: { <<: *phase, epochs: 24 }
`;

it('plans a list of 10,000 trials, with merge keys in the base and in the list', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-plan-'));
  try {
    await writeFile(join(folder, 'base.yaml'), base);
    const list = Array.from({ length: 9_999 }, (_, i) => `  - { <<: *first, admm.rho: ${(i + 2) / 1e5} }\n`).join('');
    const file = join(folder, 'sweep.yaml');
    await writeFile(file, `name: s\nbase: base.yaml\nlist:\n  - &first { keep.fc1: 10, admm.rho: 1e-5 }\n${list}`);
    const catalogue = { engines: ['tensorflow'], models: [...models], datasets: ['mnist'] };
    const { trials } = await planSweep(nodeHost, file, catalogue);
    expect(trials).toHaveLength(10_000);
    expect(trials.at(-1)?.spec).toMatchObject({ keep: { fc1: 10 }, admm: { rho: 0.1 }, retrain: { epochs: 24 } });
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('narrows an axis of the grid to the value that --set names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prunegrid-plan-'));
  try {
    await writeFile(join(folder, 'base.yaml'), base);
    const file = join(folder, 'sweep.yaml');
    await writeFile(file, 'name: s\nbase: base.yaml\ngrid: { admm.rho: [1e-3, 1e-2], keep.fc1: [1, 2] }\n');
    const catalogue = { engines: ['tensorflow'], models: [...models], datasets: ['mnist'] };
    const { trials } = await planSweep(nodeHost, file, catalogue, { set: ['admm.rho=0.01'] });
    expect(trials.map(({ settings }) => settings)).toEqual(
      [1, 2].map((fc1) => ({ 'admm.rho': 0.01, 'keep.fc1': fc1 })),
    );
    await expect(planSweep(nodeHost, file, catalogue, { set: ['admm.rho=7'] })).rejects.toThrow(/edit it there/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

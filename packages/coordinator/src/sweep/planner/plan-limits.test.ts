import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { PlanningFolder } from './planning.fixture.js';

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
  const folder = await PlanningFolder.make();
  try {
    await writeFile(join(folder.path, 'base.yaml'), base);
    const list = Array.from({ length: 9_999 }, (_, i) => `  - { <<: *first, admm.rho: ${(i + 2) / 1e5} }\n`).join('');
    const { trials } = await folder.plan(`list:\n  - &first { keep.fc1: 10, admm.rho: 1e-5 }\n${list}`);
    expect(trials).toHaveLength(10_000);
    expect(trials.at(-1)?.spec).toMatchObject({ keep: { fc1: 10 }, admm: { rho: 0.1 }, retrain: { epochs: 24 } });
  } finally {
    await folder.remove();
  }
});

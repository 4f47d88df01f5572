import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { nodeHost } from '@prunegrid/core/node';

import { createSweepFolder, readSweep, readSweepFile, type SweepFile } from './folder.js';
import type { Trial } from './planner/plan-format.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-sweep-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A sweep of so many trials. */
function sweepOf(count: number): SweepFile {
  const trial = (number: number): Trial => ({
    number,
    cell: number,
    settings: { 'admm.rho': number * 1e-6, 'admm.learningRate': { schedule: 'constant', value: 1e-3 } },
    spec: { ...spec, seed: number },
    key: `key-${number}`,
    denseKey: 'dense',
    kept: { total: 6050, layers: { conv1: 100, conv2: 2000, fc1: 3600, fc2: 350 } },
  });
  return {
    manifest: {
      ...{ runId: 'a-b-c', name: 'tiny', file: 'tiny.yaml', base: 'base.yaml', versions: { node: 'v20' } },
      ...{ cells: count, trials: count, axes: ['admm.rho'], commandLine: ['prunegrid'], startedAt: '2026-11-27' },
      ...{ user: 'ann', git: null, host: { name: 'h', cpu: 'c', cores: 2, memoryBytes: 1, platform: 'linux-x64' } },
      overrides: { seeds: 1 },
    },
    plan: {
      ...{ name: 'tiny', base: 'base.yaml', duplicates: 0, trainersPerTrial: 2 },
      trials: Array.from({ length: count }, (_, i) => trial(i + 1)),
      earlyStopping: { rule: 'median', firstEpoch: 1, trials: 3 },
    },
  };
}

const sgd = { optimizer: { name: 'sgd', momentum: 0.9, weightDecay: 0 }, dropout: 0 } as const;
const phase = { ...sgd, learningRate: { schedule: 'constant', value: 0.1 } } as const;
const spec: Trial['spec'] = {
  ...{
    name: 'tiny',
    seed: 1,
    engine: 'tensorflow',
    model: 'lenet5',
    dataset: { name: 'mnist', validation: 5000, shift: 0 },
  },
  ...{ batch: { global: 128, microBatches: 4 }, exchange: { gradients: 'float32', syncEvery: 1 } },
  ...{ threadsPerTrainer: 1, keep: { fc1: 3600 }, method: 'admm', choose: 'accuracy' },
  dense: { ...phase, epochs: 1 },
  admm: { ...phase, iterations: 1, epochsPerIteration: 1, rho: 1e-3 },
  retrain: { ...phase, epochs: 1 },
};

const file = () => join(folder, 'sweep.json');

describe('the folder of a sweep', () => {
  it('gives back what was put into it', async () => {
    const sweep = sweepOf(3);
    await createSweepFolder(nodeHost, folder, sweep);
    expect(await readSweepFile(nodeHost, folder)).toEqual(sweep);
    expect(await readSweep(nodeHost, folder)).toMatchObject({ live: false, manifest: { name: 'tiny' } });
    const stored = JSON.parse(await readFile(file(), 'utf8')) as object;
    expect(stored).toMatchObject({ format: 'prunegrid.sweep', version: 2 });
  });

  it('takes no second sweep, and nothing beside other files', async () => {
    await createSweepFolder(nodeHost, folder, sweepOf(1));
    await expect(createSweepFolder(nodeHost, folder, sweepOf(1))).rejects.toThrow(/holds a sweep already/);
    await rm(file());
    await writeFile(join(folder, 'notes'), '');
    await expect(createSweepFolder(nodeHost, folder, sweepOf(1))).rejects.toThrow(/is not empty \(notes\)/);
  });

  it.each([
    ['no sweep', undefined, /holds no sweep: name a folder that prunegrid sweep run has made/],
    ['a damaged file', '{', /sweep\.json is damaged: it is not JSON; restore it, or start a new sweep/],
    ['a file from before versions', '{"manifest":{},"plan":{}}', /was written by an earlier prunegrid/],
    ['a later version', '{"format":"prunegrid.sweep","version":3}', /has version 3 of prunegrid\.sweep/],
    ['something else', '{"format":"prunegrid.sweep","version":1,"manifest":{}}', /sweep\.json is damaged: manifest\./],
  ])('is refused in one line if it holds %s', async (_, text, reason) => {
    if (text !== undefined) await writeFile(file(), text);
    await expect(readSweepFile(nodeHost, folder)).rejects.toMatchObject({ kind: 'input' });
    await expect(readSweepFile(nodeHost, folder)).rejects.toThrow(reason);
  });

  it('is refused, and not read, if its file is a pipe', async () => {
    execFileSync('mkfifo', [file()]);
    await expect(readSweepFile(nodeHost, folder)).rejects.toThrow(/holds no sweep/);
  });

  it('names the trial that is wrong among 10,000', async () => {
    const sweep = sweepOf(10_000);
    await createSweepFolder(nodeHost, folder, sweep);
    expect((await readSweepFile(nodeHost, folder)).plan.trials).toHaveLength(10_000);
    (sweep.plan.trials[9_998].spec as { seed: unknown }).seed = 'one';
    await writeFile(file(), JSON.stringify({ format: 'prunegrid.sweep', version: 1, ...sweep }));
    await expect(readSweepFile(nodeHost, folder)).rejects.toThrow(/plan\.trials\.9998\.spec\.seed: Invalid input/);
  });
});

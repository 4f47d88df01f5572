import { Failure } from '@prunegrid/core/failure';
import { models } from '@prunegrid/trainer/models';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { planSweep, type SweepPlan } from './plan.js';
import type { SweepOverrides } from '../records.js';

const base = `name: tiny
model: lenet5
dataset: { name: mnist }
seed: 5
keep:
  conv1: 100
dense:
  epochs: 6
  learningRate: { schedule: constant, value: 1e-3 }
admm:
  iterations: 16
  rho: 1e-3
  learningRate: { schedule: constant, value: 1e-3 }
retrain:
  epochs: 24
  learningRate: { schedule: constant, value: 1e-3 }
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prunegrid-sweep-'));
  await writeFile(join(folder, 'base.yaml'), base);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function plan(body: string, overrides: SweepOverrides = {}): Promise<SweepPlan> {
  const file = join(folder, 'sweep.yaml');
  await writeFile(file, `name: s\nbase: base.yaml\n${body}`);
  return planSweep(file, { engines: ['tensorflow'], models: [...models], datasets: ['mnist'] }, overrides);
}

/** The message, without the folder's name. */
async function complaint(body: string, overrides: SweepOverrides = {}): Promise<string> {
  const error = await plan(body, overrides).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Failure);
  expect((error as Failure).kind).toBe('input');
  return (error as Failure).message.replaceAll(`${folder}/`, '');
}

const settings = ({ trials }: SweepPlan) => trials.map((trial) => trial.settings);

describe('a sweep', () => {
  it('crosses the lists of a grid, the last varying fastest, and hands each value to the experiment', async () => {
    const made = await plan('grid:\n  admm.rho: [1e-3, 1e-2]\n  keep.fc1: [10, 20, 30]\n');
    expect(made.trials.map(({ spec }) => [spec.admm.rho, spec.keep?.['fc1']])).toEqual([
      [1e-3, 10],
      [1e-3, 20],
      [1e-3, 30],
      [1e-2, 10],
      [1e-2, 20],
      [1e-2, 30],
    ]);
    expect(made.trials.map(({ number, cell }) => [number, cell])).toEqual([1, 2, 3, 4, 5, 6].map((n) => [n, n]));
    expect(made.trials[5].settings).toEqual({ 'admm.rho': 1e-2, 'keep.fc1': 30 });
  });

  it('takes its base from its own folder, or from anywhere by an absolute name', async () => {
    const relative = await plan('');
    const absolute = join(folder, 'sweep.yaml');
    await writeFile(absolute, `name: s\nbase: ${join(folder, 'base.yaml')}\n`);
    const made = await planSweep(absolute, { engines: ['tensorflow'], models: [...models], datasets: ['mnist'] });
    expect(made.trials).toEqual(relative.trials);
  });

  it('takes zipped lists together and crosses them with the others', async () => {
    const made = await plan(
      'zip:\n  keep.fc1: [10, 20]\n  keep.fc2: [1, 2]\nlist:\n  - admm.rho: 1\n  - { admm.rho: 2, seed: 9 }\n',
    );
    expect(settings(made)).toEqual([
      { 'keep.fc1': 10, 'keep.fc2': 1, 'admm.rho': 1 },
      { 'keep.fc1': 10, 'keep.fc2': 1, 'admm.rho': 2, seed: 9 },
      { 'keep.fc1': 20, 'keep.fc2': 2, 'admm.rho': 1 },
      { 'keep.fc1': 20, 'keep.fc2': 2, 'admm.rho': 2, seed: 9 },
    ]);
    expect(made.trials.map(({ spec }) => spec.seed)).toEqual([5, 9, 5, 9]);
  });

  it('draws the same at random from the same seed, within the range, evenly in the logarithm where asked', async () => {
    const random = (seed: number) =>
      `random:\n  draws: 400\n  seed: ${seed}\n  over:\n    admm.rho: { from: 1e-4, to: 1, scale: log }\n    dense.dropout: { from: 0.2, to: 0.4 }\n    batch.global: [64, 128]\n`;
    const one = settings(await plan(random(1)));
    expect(settings(await plan(random(1)))).toEqual(one);
    expect(settings(await plan(random(2)))).not.toEqual(one);
    const drawn = (key: string) => one.map((setting) => setting[key] as number);
    const share = (values: number[], below: number) => values.filter((value) => value < below).length / values.length;
    for (const rho of drawn('admm.rho')) expect(rho >= 1e-4 && rho <= 1).toBe(true);
    expect(Math.abs(share(drawn('admm.rho'), 1e-2) - 0.5)).toBeLessThan(0.1);
    for (const dropout of drawn('dense.dropout')) expect(dropout >= 0.2 && dropout <= 0.4).toBe(true);
    expect(Math.abs(share(drawn('dense.dropout'), 0.3) - 0.5)).toBeLessThan(0.1);
    expect(Math.abs(share(drawn('batch.global'), 100) - 0.5)).toBeLessThan(0.1);
  });

  it('repeats each cell with further seeds, and only trials of one seed share dense training', async () => {
    const { trials } = await plan('grid:\n  admm.rho: [1e-3, 1e-2]\nseeds: 3\n');
    expect(trials.map(({ cell, spec }) => [cell, spec.seed])).toEqual([
      [1, 5],
      [1, 6],
      [1, 7],
      [2, 5],
      [2, 6],
      [2, 7],
    ]);
    expect(new Set(trials.map(({ key }) => key)).size).toBe(6);
    expect(trials.map(({ denseKey }) => trials.findIndex((first) => first.denseKey === denseKey))).toEqual([
      0, 1, 2, 0, 1, 2,
    ]);
  });

  it('takes overrides in place of what the files say', async () => {
    const body = 'seeds: 3\nset: { dense.epochs: 4 }\ngrid: { admm.rho: [1e-3, 1e-2] }\n';
    const { trials } = await plan(body, { set: ['dense.epochs=2', 'retrain.epochs=3'], seeds: 1 });
    expect(trials.map(({ spec }) => [spec.admm.rho, spec.dense.epochs, spec.retrain.epochs])).toEqual([
      [1e-3, 2, 3],
      [1e-2, 2, 3],
    ]);
    expect(await complaint(body, { set: ['admm.rho=1'] })).toMatch(
      /^--set admm\.rho=1: admm\.rho varies in the sweep, at sweep\.yaml:\d+:\d+: edit it there$/,
    );
    expect(await complaint(body, { set: ['dense.epochs=none'] })).toMatch(
      /^--set dense\.epochs=none: found "none"; must be/,
    );
  });

  it('does not run the same experiment twice', async () => {
    const { trials, duplicates } = await plan('grid:\n  admm.rho: [1e-3, 0.001, 1e-2]\n');
    expect(trials.map(({ spec }) => spec.admm.rho)).toEqual([1e-3, 1e-2]);
    expect(duplicates).toBe(1);
  });

  it('adds baselines, once for cells that only ADMM tells apart', async () => {
    const grid = 'grid:\n  admm.rho: [1e-3, 1e-2]\n  keep.fc1: [10, 20]\nseeds: 2\n';
    const alone = await plan(grid);
    const one = await plan(`${grid}baseline: magnitude\n`);
    expect(one.trials.slice(0, 8)).toEqual(alone.trials);
    expect(one.duplicates).toBe(0);
    expect(one.trials.slice(8).map(({ number, cell, settings, spec }) => [number, cell, settings, spec.seed])).toEqual([
      [9, 5, { 'keep.fc1': 10, method: 'magnitude' }, 5],
      [10, 5, { 'keep.fc1': 10, method: 'magnitude' }, 6],
      [11, 6, { 'keep.fc1': 20, method: 'magnitude' }, 5],
      [12, 6, { 'keep.fc1': 20, method: 'magnitude' }, 6],
    ]);
    const both = await plan(`${grid}baseline: [magnitude, gradual]\n`);
    expect(both.trials.slice(12).map(({ cell, spec }) => [cell, spec.method, spec.keep?.['fc1'], spec.seed])).toEqual([
      [7, 'gradual', 10, 5],
      [7, 'gradual', 10, 6],
      [8, 'gradual', 20, 5],
      [8, 'gradual', 20, 6],
    ]);
    expect(new Set(both.trials.map(({ denseKey }) => denseKey)).size).toBe(2);
    expect(new Set(both.trials.map(({ key }) => key)).size).toBe(16);
  });

  it('lets each point of a chain start from the one before, seed by seed, for the cells of the other axes and for baselines', async () => {
    const body = 'grid: { admm.rho: [1e-3, 1e-2] }\nchain: { keep.fc1: [30, 20, 10] }\nseeds: 2\nbaseline: magnitude\n';
    const { trials, duplicates } = await plan(body);
    const numberOf = (start?: string) => trials.find(({ key }) => key === start)?.number;
    expect(trials.map(({ cell, spec, start }) => [cell, spec.keep?.['fc1'], spec.seed, numberOf(start)])).toEqual(
      [0, 6, 12].flatMap((n) => [
        [n / 2 + 1, 30, 5, undefined],
        [n / 2 + 1, 30, 6, undefined],
        [n / 2 + 2, 20, 5, n + 1],
        [n / 2 + 2, 20, 6, n + 2],
        [n / 2 + 3, 10, 5, n + 3],
        [n / 2 + 3, 10, 6, n + 4],
      ]),
    );
    expect(duplicates).toBe(0);
    // What it starts from is part of what determines a result.
    const apart = await plan(body.replace('chain:', 'zip:'));
    expect(apart.trials.map(({ key }) => key)).not.toContain(trials[2].key);
    expect(apart.trials[0].key).toBe(trials[0].key);
    const later = await plan(body.replace('10]', '10, 5]'));
    expect(later.trials[4].key).toBe(trials[4].key);
  });

  it('knows what is kept, by layer where no dense weights are needed for it', async () => {
    const budgets = await plan('set: { keep: null, budget.ratio: 71.2 }\ngrid:\n  budget.rule: [uniform, lamp]\n');
    expect(budgets.trials.map(({ kept }) => kept)).toEqual([
      { total: 6046, layers: { conv1: 7, conv2: 351, fc1: 5618, fc2: 70 } },
      { total: 6046 },
    ]);
    const [counts] = (await plan('')).trials;
    expect(counts.kept).toEqual({ total: 430_100, layers: { conv1: 100, conv2: 25_000, fc1: 400_000, fc2: 5_000 } });
  });
});

describe('a sweep that is wrong', () => {
  it.each([
    [
      'an unknown key of its own',
      'gird: { admm.rho: [1] }\n',
      'sweep.yaml:3:1: gird: unknown key; did you mean "grid"?',
    ],
    ['an axis that is no list', 'grid: { admm.rho: 1 }\n', 'sweep.yaml:3:19: grid.admm.rho: found 1; must be a list'],
    [
      'an axis without values',
      'grid: { admm.rho: [] }\n',
      'sweep.yaml:3:19: grid.admm.rho: found a list; must be a list with at least one value',
    ],
    [
      'zipped lists of two lengths',
      'zip: { admm.rho: [1, 2], keep.fc1: [1] }\n',
      'sweep.yaml:3:26: zip.keep.fc1: 1 values, but admm.rho has 2',
    ],
    [
      'a chain that prunes less and less',
      'chain: { keep.fc1: [10, 20] }\n',
      'sweep.yaml:3:25: fc1 would keep 20 weights after 10: each point of a chain must prune more than the one before',
    ],
    [
      'a chain over several dense networks',
      'chain: { dense.epochs: [1, 2] }\n',
      'sweep.yaml:3:28: a chain prunes one network on and on: leave keys of the dense network out of it',
    ],
    [
      'a chain of lists of two lengths',
      'chain: { keep.fc1: [20, 10], keep.fc2: [1] }\n',
      'sweep.yaml:3:30: chain.keep.fc2: 1 values, but keep.fc1 has 2: lists of a chain must be of one length',
    ],
    [
      'a key that varies twice',
      'grid: { admm.rho: [1] }\nlist:\n  - admm.rho.from: 1\n',
      'sweep.yaml:5:5: admm.rho.from varies already, admm.rho at sweep.yaml:3:9',
    ],
    [
      'a seed beside seeds',
      'grid: { seed: [1, 2] }\nseeds: 2\n',
      'sweep.yaml:3:9: seed varies, and seeds is 2: take one of the two out',
    ],
    [
      'a baseline that there is not',
      'baseline: magnitud\n',
      'sweep.yaml:3:11: baseline: found "magnitud"; did you mean "magnitude"?',
    ],
    [
      'a method that varies beside baselines',
      'grid: { method: [admm, gradual] }\nbaseline: magnitude\n',
      'sweep.yaml:4:1: method varies already, method at sweep.yaml:3:9',
    ],
    [
      'too many trials with the baselines',
      'seeds: 4000\nbaseline: [magnitude, gradual]\n',
      'sweep.yaml:1:1: 12000 trials',
    ],
    ['too many trials', 'seeds: 10001\n', 'sweep.yaml:1:1: 10001 trials, more than 10000'],
    [
      'a range the wrong way round',
      'random: { draws: 1, over: { admm.rho: { from: 2, to: 1 } } }\n',
      'sweep.yaml:3:54: random.over.admm.rho.to: must be above from',
    ],
    [
      'a range from 0 in the logarithm',
      'random: { draws: 1, over: { admm.rho: { from: 0, to: 1, scale: log } } }\n',
      'sweep.yaml:3:47: random.over.admm.rho.from: must be above 0',
    ],
    [
      'a value that the experiment refuses',
      'grid: { admm.rho: [1e-3, -1] }\n',
      'sweep.yaml:3:26: admm.rho: found -1; must be above 0',
    ],
    [
      'a key that the experiment lacks',
      'grid: { admm.rhoo: [1e-3] }\n',
      'sweep.yaml:3:21: admm.rhoo: unknown key; did you mean "rho"?',
    ],
    [
      'a layer that the model lacks',
      'list: [{ keep.fc3: 1 }]\n',
      'sweep.yaml:3:20: keep.fc3: lenet5 has no such layer; did you mean "fc1"?',
    ],
    [
      'a key below a number',
      'set: { admm.rho.from: 1 }\n',
      'sweep.yaml:3:23: admm.rho is 0.001 and has no keys below it',
    ],
  ])('with %s is refused, with the place and the remedy', async (_what, body, expected) => {
    const message = await complaint(body);
    expect(message.startsWith(expected), message).toBe(true);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('names the base where that is wrong', async () => {
    await writeFile(join(folder, 'base.yaml'), base.replace('iterations: 16', 'iterations: 0'));
    expect(await complaint('')).toBe('base.yaml:11:15: admm.iterations: found 0; must be above 0');
    await rm(join(folder, 'base.yaml'));
    expect(await complaint('')).toContain('base.yaml: no such file');
    await mkdir(join(folder, 'base.yaml'));
    expect(await complaint('')).toContain('base.yaml: a folder');
  });
});

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { SweepPlan } from './plan.js';
import { PlanningFolder } from './planning.fixture.js';

let folder: PlanningFolder;
beforeEach(async () => (folder = await PlanningFolder.make()));
afterEach(() => folder.remove());

const settings = ({ trials }: SweepPlan) => trials.map((trial) => trial.settings);

describe('a sweep', () => {
  it('crosses the lists of a grid, the last varying fastest, and hands each value to the experiment', async () => {
    const made = await folder.plan('grid:\n  admm.rho: [1e-3, 1e-2]\n  keep.fc1: [10, 20, 30]\n');
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
    const relative = await folder.plan('');
    const made = await folder.planFile(`name: s\nbase: ${join(folder.path, 'base.yaml')}\n`);
    expect(made.trials).toEqual(relative.trials);
  });

  it('takes zipped lists together and crosses them with the others', async () => {
    const made = await folder.plan(
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
    const one = settings(await folder.plan(random(1)));
    expect(settings(await folder.plan(random(1)))).toEqual(one);
    expect(settings(await folder.plan(random(2)))).not.toEqual(one);
    const drawn = (key: string) => one.map((setting) => setting[key] as number);
    const share = (values: number[], below: number) => values.filter((value) => value < below).length / values.length;
    for (const rho of drawn('admm.rho')) expect(rho >= 1e-4 && rho <= 1).toBe(true);
    expect(Math.abs(share(drawn('admm.rho'), 1e-2) - 0.5)).toBeLessThan(0.1);
    for (const dropout of drawn('dense.dropout')) expect(dropout >= 0.2 && dropout <= 0.4).toBe(true);
    expect(Math.abs(share(drawn('dense.dropout'), 0.3) - 0.5)).toBeLessThan(0.1);
    expect(Math.abs(share(drawn('batch.global'), 100) - 0.5)).toBeLessThan(0.1);
  });

  it('repeats each cell with further seeds, and only trials of one seed share dense training', async () => {
    const { trials } = await folder.plan('grid:\n  admm.rho: [1e-3, 1e-2]\nseeds: 3\n');
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
    const { trials } = await folder.plan(body, { set: ['dense.epochs=2', 'retrain.epochs=3'], seeds: 1 });
    expect(trials.map(({ spec }) => [spec.admm.rho, spec.dense.epochs, spec.retrain.epochs])).toEqual([
      [1e-3, 2, 3],
      [1e-2, 2, 3],
    ]);
    expect(await folder.complaint(body, { set: ['admm.rho=1'] })).toMatch(
      /^--set admm\.rho=1: admm\.rho varies in the sweep, at sweep\.yaml:\d+:\d+: edit it there$/,
    );
    expect(await folder.complaint(body, { set: ['dense.epochs=none'] })).toMatch(
      /^--set dense\.epochs=none: found "none"; must be/,
    );
  });

  it('narrows an axis of the grid to the value that --set names', async () => {
    const body = 'grid: { admm.rho: [1e-3, 1e-2], keep.fc1: [1, 2] }\n';
    expect(settings(await folder.plan(body, { set: ['admm.rho=0.01'] }))).toEqual(
      [1, 2].map((fc1) => ({ 'admm.rho': 0.01, 'keep.fc1': fc1 })),
    );
    expect(await folder.complaint(body, { set: ['admm.rho=7'] })).toMatch(/edit it there/);
  });

  it('does not run the same experiment twice', async () => {
    const { trials, duplicates } = await folder.plan('grid:\n  admm.rho: [1e-3, 0.001, 1e-2]\n');
    expect(trials.map(({ spec }) => spec.admm.rho)).toEqual([1e-3, 1e-2]);
    expect(duplicates).toBe(1);
  });

  it('adds baselines, once for cells that only ADMM tells apart', async () => {
    const grid = 'grid:\n  admm.rho: [1e-3, 1e-2]\n  keep.fc1: [10, 20]\nseeds: 2\n';
    const alone = await folder.plan(grid);
    const one = await folder.plan(`${grid}baseline: magnitude\n`);
    expect(one.trials.slice(0, 8)).toEqual(alone.trials);
    expect(one.duplicates).toBe(0);
    expect(one.trials.slice(8).map(({ number, cell, settings, spec }) => [number, cell, settings, spec.seed])).toEqual([
      [9, 5, { 'keep.fc1': 10, method: 'magnitude' }, 5],
      [10, 5, { 'keep.fc1': 10, method: 'magnitude' }, 6],
      [11, 6, { 'keep.fc1': 20, method: 'magnitude' }, 5],
      [12, 6, { 'keep.fc1': 20, method: 'magnitude' }, 6],
    ]);
    const both = await folder.plan(`${grid}baseline: [magnitude, gradual]\n`);
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
    const { trials, duplicates } = await folder.plan(body);
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
    const apart = await folder.plan(body.replace('chain:', 'zip:'));
    expect(apart.trials.map(({ key }) => key)).not.toContain(trials[2].key);
    expect(apart.trials[0].key).toBe(trials[0].key);
    const later = await folder.plan(body.replace('10]', '10, 5]'));
    expect(later.trials[4].key).toBe(trials[4].key);
  });

  it('knows what is kept, by layer where no dense weights are needed for it', async () => {
    const budgets = await folder.plan(
      'set: { keep: null, budget.ratio: 71.2 }\ngrid:\n  budget.rule: [uniform, lamp]\n',
    );
    expect(budgets.trials.map(({ kept }) => kept)).toEqual([
      { total: 6046, layers: { conv1: 7, conv2: 351, fc1: 5618, fc2: 70 } },
      { total: 6046 },
    ]);
    const [counts] = (await folder.plan('')).trials;
    expect(counts.kept).toEqual({ total: 430_100, layers: { conv1: 100, conv2: 25_000, fc1: 400_000, fc2: 5_000 } });
  });

  it('says how trainers are started once for all trials, which changes none of them', async () => {
    const plain = await folder.plan('grid: { admm.rho: [1, 2] }\n');
    const launched = await folder.plan('grid: { admm.rho: [1, 2] }\nlaunch: { name: local, nice: 1 }\n');
    expect(plain.launch).toBeUndefined();
    expect(launched.launch).toEqual({ name: 'local', nice: 1 });
    expect(launched.trials).toEqual(plain.trials);
    const overridden = await folder.plan('launch: { name: local, nice: 1 }\n', { set: ['launch.nice=5'] });
    expect(overridden.launch).toEqual({ name: 'local', nice: 5 });
  });
});

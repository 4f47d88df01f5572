import { describe, expect, it } from 'vitest';

import type { SweepPlan, Trial } from './plan.js';
import { reconcile } from './resume.js';

const trial = (number: number, cell: number, key: string, rho: number): Trial => ({
  number,
  cell,
  key,
  denseKey: 'd',
  settings: { 'admm.rho': rho },
  spec: { seed: 1, admm: { rho, optimizer: { name: 'adam' } } } as Trial['spec'],
  kept: { total: 1 },
});
const plan = (...trials: Trial[]): SweepPlan => ({ name: 's', base: 'b.yaml', trials, duplicates: 0 });
const place = { file: 's.yaml', folder: 'sweeps/s', extend: false };

const before = plan(trial(1, 1, 'a', 1), trial(2, 2, 'b', 2));

describe('reconcile', () => {
  it('goes on with the same plan', () => {
    expect(reconcile(before, before, place)).toEqual(before);
  });

  it('numbers what was gained after what was there, in the cell it belongs to', () => {
    const now = plan(trial(1, 1, 'z', 0.5), trial(2, 2, 'a', 1), trial(3, 2, 'a2', 1), trial(4, 3, 'b', 2));
    expect(() => reconcile(before, now, place)).toThrow(/has 2 trials more .* add them with --extend/);
    const { trials } = reconcile(before, now, { ...place, extend: true });
    expect(trials.map(({ number, cell, key }) => [number, cell, key])).toEqual([
      [1, 1, 'a'],
      [2, 2, 'b'],
      [3, 3, 'z'],
      [4, 1, 'a2'],
    ]);
  });

  it('shows what was edited, in the trial that is most like the one that is gone', () => {
    const edited = plan(trial(1, 1, 'a', 1), trial(2, 2, 'c', 3));
    expect(() => reconcile(before, edited, { ...place, extend: true })).toThrow(
      /s\.yaml: was edited since the sweep in sweeps\/s began: trial 2 changed admm\.rho from 2 to 3\n/,
    );
    expect(() => reconcile(before, plan(trial(1, 1, 'a', 1)), place)).toThrow(/trial 2 is gone/);
  });
});

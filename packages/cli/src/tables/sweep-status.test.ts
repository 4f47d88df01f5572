import { expect, it } from 'vitest';

import { SweepState } from '@prunegrid/coordinator/sweep/state';
import type { SweepPlan, Trial } from '@prunegrid/coordinator/sweep/planner/plan';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { renderStatus } from './sweep-status.js';

/** Held-out accuracies of two rho with three seeds each; the third seed of the second one is waiting. */
const accuracies: Record<string, (number | undefined)[]> = { 0.001: [0.9, 0.92, 0.94], 0.01: [0.99, 0.99, undefined] };

const total: RunResult['total'] = { weights: 712, kept: 10, ratio: 71.2 };

const trials = Object.keys(accuracies).flatMap((rho, i) =>
  [1, 2, 3].map(
    (seed) =>
      ({
        ...{ number: 3 * i + seed, cell: i + 1, settings: { 'admm.rho': Number(rho) }, key: '', denseKey: '' },
        kept: { total: 10 },
        weights: 712,
        spec: { model: 'net', method: 'admm', seed, dense: { epochs: 1 } },
      }) as unknown as Trial,
  ),
);
const plan = { name: 'tiny', base: '', trials, duplicates: 0 } as SweepPlan;

it('calls that configuration the best that has the highest mean over the most seeds', () => {
  const state = new SweepState(trials);
  Object.values(accuracies)
    .flat()
    .forEach((validationAccuracy, i) => {
      if (validationAccuracy === undefined) return;
      const result = { final: { testAccuracy: 0.5, validationAccuracy }, total } as RunResult;
      for (const stage of ['dense', 'hardPruned'] as const) result[stage] = result.final;
      state.apply({ type: 'trial-finished', trial: i + 1, attempt: 1, result, seq: i, time: i });
    });
  expect(renderStatus({ plan, state, live: true }, 'sweeps/tiny')).toBe(
    `
tiny: 6 trials: 5 finished, 1 waiting; running

cell  admm.rho  compression       test, %   held out, %                  state
------------------------------------------------------------------------------
1        0.001        71.2x  50.00 ± 0.00  92.00 ± 2.00         all 3 finished
2         0.01        71.2x  50.00 ± 0.00  99.00 ± 0.00  2 finished, 1 waiting

best at   held out, %       test, %         seeds
71.2x    92.00 ± 2.00  50.00 ± 0.00  3 of 3 seeds  cell 1  admm.rho 0.001

Files: sweeps/tiny
Watch it: prunegrid sweep watch sweeps/tiny; end it: prunegrid sweep cancel sweeps/tiny`.trimStart(),
  );
});

it('names the trials whose results are doubtful, and folds many', () => {
  const state = new SweepState(trials);
  const final = { testAccuracy: 0.5, validationAccuracy: 0.5 };
  for (let trial = 1; trial <= 6; trial++) {
    const result = { final, dense: final, hardPruned: final, total, warnings: [`doubt ${trial}`] } as RunResult;
    state.apply({ type: 'trial-finished', trial, attempt: 1, result, seq: trial, time: trial });
  }
  const status = renderStatus({ plan, state, live: false }, 'sweeps/tiny');
  expect(status).toContain('\ntrial 1: doubt 1\n');
  expect(status).toContain('\ntrial 5: doubt 5\nand 1 more warning: see the report\n');
});

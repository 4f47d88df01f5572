import { describe, expect, it } from 'vitest';

import type { RunResult } from '../../training/records.js';
import type { Trial } from '../../sweep/planner/plan.js';
import { SweepState, type TrialState } from '../../sweep/state.js';
import { curvesOf } from './curves.js';
import { rowsOf, tableCsv, tableLatex, tableMarkdown, tableText } from './formats.js';
import { bestOfEachSparsity, missingOf, paretoFront, sweepTable, type SweepTable } from './table.js';

/** A result with these final accuracies and multiply-accumulates of the pruned network. */
const result = (test: number, heldOut = test, validationLoss?: number, pruned = 2000): RunResult => ({
  dense: { testAccuracy: 0.99, validationAccuracy: 0.99 },
  hardPruned: { testAccuracy: 0.9, validationAccuracy: 0.9 },
  final: {
    testAccuracy: test,
    validationAccuracy: heldOut,
    ...(validationLoss !== undefined && { validationLoss }),
  },
  layers: [],
  total: { weights: 1000, kept: 1, ratio: 1, multiplyAccumulates: { dense: 9000, pruned } },
  seconds: 1,
  epochs: 1,
});

type Given = Pick<Trial, 'cell' | 'settings'> & {
  kept?: number;
  method?: string;
  choose?: Trial['spec']['choose'];
  state: Partial<TrialState>;
};

function tableOf(...given: Given[]): SweepTable {
  const trials = given.map(({ cell, settings, kept = 100, method = 'admm', choose = 'accuracy' }, i) => ({
    ...{ number: i + 1, cell, settings, key: '', denseKey: '', kept: { total: kept }, weights: 1000 },
    spec: { model: 'net', method, seed: i, choose } as Trial['spec'],
  }));
  const state = new SweepState(trials);
  given.forEach(({ state: known }, i) => state.trials.set(i + 1, { ...state.trials.get(i + 1)!, ...known }));
  return sweepTable({ name: 'sweep', base: '', trials, duplicates: 0 }, state);
}

const finished = (test: number, heldOut?: number, loss?: number): Partial<TrialState> => ({
  status: 'finished',
  result: result(test, heldOut, loss),
});

describe("a sweep's table", () => {
  const table = tableOf(
    { cell: 1, settings: { 'admm.rho': 0.1 }, state: finished(0.98, 0.97) },
    {
      ...{ cell: 1, settings: { 'admm.rho': 0.1 } },
      state: {
        status: 'finished',
        result: { ...result(0.99, 0.98, undefined, 4000), warnings: ['ADMM has not converged'] },
      },
    },
    { cell: 1, settings: { 'admm.rho': 0.1 }, state: { status: 'failed', reason: 'the loss is NaN' } },
    { cell: 2, settings: { 'admm.rho': 0.2 }, kept: 50, state: { status: 'stopped', reason: 'others do better' } },
  );

  it('has mean and sample deviation over the seeds that finished, and counts the others', () => {
    const [first, second] = table.rows;
    expect(first).toMatchObject({
      planned: 3,
      states: { finished: 2, failed: 1 },
      reasons: ['the loss is NaN'],
      warnings: [{ trial: 2, message: 'ADMM has not converged' }],
      typical: 1,
      result: {
        ...{ test: { n: 2, mean: 0.985 }, heldOut: { n: 2, mean: 0.975 } },
        multiplyAccumulates: { dense: 9000, pruned: 3000 },
      },
    });
    // The values are 0.98 and 0.99, so the deviation is the root of 2 * 0.005 ** 2 / 1.
    expect(first.result?.test.deviation).toBeCloseTo(Math.SQRT2 * 0.005, 12);
    expect(missingOf(first)).toBe('1 failed');
    expect(second).toMatchObject({ planned: 1, states: { stopped: 1 }, reasons: ['others do better'] });
    expect(second).not.toHaveProperty('result');
    expect(missingOf(second)).toBe('1 stopped early');
  });

  it('takes the cell of the lowest held-out loss for the best where the spec chooses by it', () => {
    const of = (cell: number) => ({ cell, settings: {}, choose: 'loss' as const });
    const { rows } = tableOf(
      { ...of(1), state: finished(0.9, 0.9, 0.2) },
      { ...of(2), state: finished(0.8, 0.8, 0.1) },
      { ...of(2), state: finished(0.8, 0.8, 0.2) },
      { ...of(1), state: finished(0.9, 0.9, 0.3) },
    );
    expect(bestOfEachSparsity(rows)).toMatchObject([{ cell: 2, score: expect.closeTo(-0.15) as number }]);
  });

  it('goes by top-5 accuracy and shows it where the spec chooses by it', () => {
    const trial = (cell: number, top5: number) => {
      const { final, ...rest } = result(0.5);
      const state = {
        status: 'finished' as const,
        result: { ...rest, final: { ...final, testTop5: top5, validationTop5: top5 } },
      };
      return { cell, settings: {}, choose: 'top5' as const, state };
    };
    const chosen = tableOf(trial(1, 0.8), trial(2, 0.9));
    expect(bestOfEachSparsity(chosen.rows)).toMatchObject([{ cell: 2, score: 0.9 }]);
    expect(rowsOf(chosen).header).toContain('test top-5, %');
    expect(rowsOf(chosen).rows[1]).toContain('90.00');
    expect(tableCsv(chosen)).toMatch(/^.*,test_deviation,test_top_5_mean,test_top_5_deviation,n,/);
  });

  it('is printed with what is missing', () => {
    expect(tableText(table)).toBe(
      `
admm.rho  kept  compression  MAC reduction      dense, %     pruned, %   held out, %       test, %       n          missing
---------------------------------------------------------------------------------------------------------------------------
0.1        100        10.0x           3.0x  99.00 ± 0.00  90.00 ± 0.00  97.50 ± 0.71  98.50 ± 0.71  2 of 3         1 failed
0.2         50        20.0x              -             -             -             -             -  0 of 1  1 stopped early`.trimStart(),
    );
  });

  it('gives programs every figure in full, and nothing where there is none', () => {
    const [header, first, second] = tableCsv(table).split('\r\n');
    expect(header).toBe(
      'cell,method,admm.rho,weights,kept,ratio,macs,macs_pruned,mac_ratio,dense_mean,dense_deviation,pruned_mean,pruned_deviation,held_out_mean,held_out_deviation,test_mean,test_deviation,n,planned,missing,reasons',
    );
    expect(first).toMatch(
      /^1,admm,0\.1,1000,100,10\.0000,9000,3000,3\.00000,0\.99,0,.*,0\.985,0\.00707\d+,2,3,1 failed,the loss is NaN$/,
    );
    expect(second).toBe('2,admm,0.2,1000,50,20.0000,,,,,,,,,,,,0,1,1 stopped early,others do better');
  });

  it('survives signs that mean something to the format', () => {
    const odd = tableOf({ cell: 1, settings: { budget: { rule: 'a|b_c%\\^"', ratio: 1 } }, state: finished(0.5) });
    expect(tableMarkdown(odd)).toContain('| {rule: a\\|b\\_c%\\\\^", ratio: 1} |');
    expect(tableLatex(odd)).toContain('\\{rule: a|b\\_c\\%\\textbackslash{}\\textasciicircum{}", ratio: 1\\} &');
    expect(tableCsv(odd)).toContain(',"{rule: a|b_c%\\^"", ratio: 1}",');
    expect(rowsOf(odd).rows[0]).toContain('50.00');
  });
});

describe('the best cell of each sparsity', () => {
  const seeds = (cell: number, kept: number, ...accuracies: number[]): Given[] =>
    accuracies.map((heldOut) => ({ cell, settings: {}, kept, state: finished(0.5, heldOut) }));

  it('is the one with the best mean of its seeds, not the one with the luckiest seed', () => {
    const { rows } = tableOf(...seeds(1, 100, 0.99, 0.8, 0.81), ...seeds(2, 100, 0.95, 0.94, 0.96));
    expect(bestOfEachSparsity(rows)).toMatchObject([{ cell: 2, typical: 4 }]);
  });

  it('has as many finished seeds as any other, and stands on the Pareto front beside sparser ones with fewer', () => {
    const table = tableOf(
      ...seeds(1, 100, 0.9, 0.91),
      ...seeds(2, 100, 0.99),
      { cell: 2, settings: {}, kept: 100, state: { status: 'running' } },
      ...seeds(3, 50, 0.98),
      { cell: 4, settings: {}, kept: 10, state: {} },
    );
    expect(bestOfEachSparsity(table.rows).map(({ cell }) => cell)).toEqual([1, 3]);
    expect(paretoFront(table).map(({ cell }) => cell)).toEqual([1, 3]);
  });
});

describe('the Pareto front', () => {
  it('has the cells that no other beats, by held-out accuracy alone', () => {
    const table = tableOf(
      { cell: 1, settings: {}, kept: 100, state: finished(0.9, 0.99) },
      { cell: 2, settings: {}, kept: 50, state: finished(0.99, 0.98) },
      { cell: 3, settings: {}, kept: 60, state: finished(0.999, 0.97) },
      { cell: 4, settings: {}, kept: 50, state: finished(0.9, 0.975) },
      { cell: 5, settings: {}, kept: 10, state: { status: 'running' } },
    );
    expect(paretoFront(table).map(({ cell }) => cell)).toEqual([1, 2]);
  });
});

describe('curves', () => {
  it('join the cells that differ in how much they keep alone, densest first', () => {
    const budget = (ratio: number) => ({ rule: 'erk', ratio });
    const cells = [0.1, 0.2].flatMap((rho) => [20, 70].map((ratio) => ({ 'admm.rho': rho, budget: budget(ratio) })));
    const table = tableOf(
      ...cells.map((settings, i) => ({ cell: i, settings, kept: 1000 / settings.budget.ratio, state: {} })).reverse(),
      { cell: 9, settings: { method: 'magnitude', budget: budget(20) }, method: 'magnitude', kept: 50, state: {} },
    );
    expect(curvesOf(table).map(({ name, rows }) => [name, rows.map(({ cell }) => cell)])).toEqual([
      ['ADMM, admm.rho 0.2', [2, 3]],
      ['ADMM, admm.rho 0.1', [0, 1]],
      ['one-shot magnitude', [9]],
    ]);
  });

  it('are told apart by the rule of the budget where there are several', () => {
    const table = tableOf(
      { cell: 1, settings: { budget: { rule: 'erk', ratio: 20 } }, state: {} },
      { cell: 2, settings: { budget: { rule: 'lamp', ratio: 20 } }, state: {} },
    );
    expect(curvesOf(table).map(({ name }) => name)).toEqual(['ADMM, erk', 'ADMM, lamp']);
  });
});

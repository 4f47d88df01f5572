import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import type { RunResult } from '@prunegrid/coordinator/training/records';
import { compare } from './comparison.js';
import { renderReproduction } from '../tables/reproduction.js';
import { reproductionNamed, reproductionNames } from './paper-tables.js';

const tablesOf = (name: string) => reproductionNamed(name)!.tables;
const tables = reproductionNames.flatMap((name) => tablesOf(name).map((table) => ({ name, ...table })));
const [lenet5] = tablesOf('lenet5');

/** A trial with that final accuracy on the test set. */
const result = (accuracy: number): RunResult => ({
  dense: { testAccuracy: 0.993, validationAccuracy: 0 },
  hardPruned: { testAccuracy: 0.9, validationAccuracy: 0 },
  final: { testAccuracy: accuracy, validationAccuracy: 0 },
  layers: lenet5.network.layers.map(({ name, weights, kept = 0 }) => ({ name, weights, kept })),
  total: { weights: 430_500, kept: 6_050, ratio: 71.2 },
  seconds: 1,
  epochs: 1,
});

describe('a table of the paper', () => {
  it.each(tables)('$network.title has the ratio that its layers and its total come to', ({ network }) => {
    const { layers, total } = network;
    const weights = layers.reduce((sum, layer) => sum + layer.weights, 0);
    expect(Math.abs(weights / total.kept / total.ratio - 1)).toBeLessThan(0.01);
    const kept = layers.map((layer) => layer.kept ?? NaN).reduce((sum, count) => sum + count, 0);
    if (!Number.isNaN(kept)) expect(Math.abs(kept / total.kept - 1)).toBeLessThan(0.01);
  });

  it('stands beside the mean over the trials that have finished, and why a cell is empty below', () => {
    const comparison = compare('lenet5', lenet5, {
      results: [result(0.994), result(0.992)],
      missing: '',
      changed: ['seed=2'],
    });
    expect(renderReproduction(comparison, lenet5.network)).toBe(
      `
LeNet-5 on MNIST: as published, and here

accuracy, top-1              compression  published         here  deviation  seeds
----------------------------------------------------------------------------------
dense                                 1x     99.2 %      99.30 %     0.00 %      2
ADMM (the paper)                   71.2x     99.2 %      99.30 %     0.14 %      2
Han et al., NIPS 2015                12x     99.2 %  not run (1)          -      -
Guo et al., NIPS 2016               108x    99.09 %  not run (2)          -      -
Ye et al., 2018                     167x       99 %  not run (3)          -      -
Molchanov et al., ICML 2017         280x    99.25 %  not run (4)          -      -

weights kept  weights  paper   here
-----------------------------------
conv1             500    100    100
conv2          25,000  2,000  2,000
fc1           400,000  3,600  3,600
fc2             5,000    350    350
-----------------------------------
total         430,500  6,050  6,050

(1) the recipe of pruning by magnitude in several rounds is not among the experiments here
(2) the recipe of dynamic network surgery is not among the experiments here
(3) experiments/lenet5-progressive.yaml is no progressive ADMM of Ye et al.: it prunes to other ratios (120x and 180x, not 167x) and continues from one network at each ratio, where they continue from the best of several
(4) the recipe of sparse variational dropout is not among the experiments here

Not the recipe: seed=2`.trimStart(),
    );
  });

  it('is about top-5 accuracy where the paper is', () => {
    const trial = { ...result(0.57), final: { testAccuracy: 0.57, testTop5: 0.8, validationAccuracy: 0 } };
    const { rows } = compare('alexnet', tablesOf('alexnet')[0], { results: [trial], missing: 'not measured' });
    const ours = rows.filter(({ name }) => ['dense', 'ADMM (the paper)'].includes(name));
    // The dense stage of this trial has no top-5 accuracy.
    expect(ours.map(({ here }) => here)).toEqual([{ notRun: 'not measured' }, { n: 1, mean: 0.8 }]);
  });

  it('says of the progressive experiment what is in it', () => {
    const file = new URL('../../../../experiments/lenet5-progressive.yaml', import.meta.url);
    const { chain } = parse(readFileSync(file, 'utf8')) as { chain: { 'budget.ratio': number[] } };
    expect(chain['budget.ratio']).toEqual(expect.arrayContaining([120, 180]));
    expect(chain['budget.ratio']).not.toContain(lenet5.network.others.find(({ by }) => by.startsWith('Ye'))?.ratio);
  });

  it('has no cell without a figure or a reason', () => {
    for (const { name, ...table } of tables) {
      const { rows, layers, total } = compare(name, table, { results: [], missing: 'why' });
      for (const { here } of [...rows, ...layers, total]) {
        expect(here).toEqual({ notRun: expect.stringMatching(/why|not among the|is no progressive ADMM/) as string });
      }
    }
  });
});

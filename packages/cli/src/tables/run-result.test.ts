import { describe, expect, it } from 'vitest';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import { duration, ratio, roughPercent, wholePercent } from '@prunegrid/core/text/figures';
import { renderComparison } from './run-result.js';

const accuracies = (share: number) => ({ testAccuracy: share, validationAccuracy: share - 0.0006 });

const lenet5: RunResult = {
  dense: accuracies(0.9936),
  hardPruned: accuracies(0.9875),
  final: accuracies(0.9946),
  layers: [
    { name: 'conv1', weights: 500, kept: 100 },
    { name: 'conv2', weights: 25_000, kept: 1_500 },
    { name: 'fc1', weights: 400_000, kept: 3_600 },
    { name: 'fc2', weights: 5_000, kept: 5_000 },
  ],
  total: { weights: 430_500, kept: 10_200, ratio: 42.2, compactBytes: 28_140 },
  seconds: 812.4,
  epochs: 46,
};

describe('the final table', () => {
  it("sets the paper's LeNet-5 beside ours", () => {
    expect(renderComparison(lenet5, { name: 'mnist' }, 'runs/one')).toBe(
      `
LeNet-5 on MNIST: the paper (Zhang et al., ECCV 2018) and this run

layer        weights  paper kept  paper %  ours kept  ours %
------------------------------------------------------------
conv1            500         100     20 %        100    20 %
conv2         25,000       2,000      8 %      1,500     6 %
fc1          400,000       3,600    0.9 %      3,600   0.9 %
fc2            5,000         350      7 %      5,000   100 %
------------------------------------------------------------
total        430,500       6,050    1.4 %     10,200   2.4 %
compression                         71.2x              42.2x

accuracy                 paper, test  ours, test  ours, held out
----------------------------------------------------------------
dense                         99.2 %     99.36 %         99.30 %
straight after pruning             -     98.75 %         98.69 %
final, after retraining       99.2 %     99.46 %         99.40 %

46 epochs in 13:32; the authors took about 172 epochs
28,140 bytes with positions and biases, in float16 (prunegrid export)
Files: runs/one
  model.safetensors             the pruned weights, dense shapes, zeros in place
  result.json                   the figures above
  manifest.json                 what was run, on what, with which versions
  journal.jsonl, metrics.jsonl  all that happened, and its numbers
  checkpoints/                  weights at the end of each phase`.trimStart(),
    );
  });

  it('has what each layer computes, and what is computed without weights, if that is known', () => {
    const layers = [
      { name: 'one', weights: 1_000, kept: 100, multiplyAccumulates: { dense: 640_000, pruned: 64_000 } },
      { name: 'unused', weights: 10, kept: 10, multiplyAccumulates: { dense: 0, pruned: 0 } },
    ];
    const multiplyAccumulates = { dense: 650_000, pruned: 74_000 };
    const total = { weights: 1_010, kept: 110, ratio: 9.18, multiplyAccumulates };
    expect(renderComparison({ ...lenet5, layers, total }, { name: 'mnist' }, 'x')).toContain(`
multiply-accumulates    dense  pruned      %
--------------------------------------------
one                   640,000  64,000   10 %
unused                      0       0      -
without weights        10,000  10,000  100 %
--------------------------------------------
total                 650,000  74,000   11 %
reduction                        8.8x

accuracy`);
  });

  it('shows nothing of the paper beside a network that it does not have', () => {
    const layers = [{ name: 'fc1', weights: 1_000, kept: 0 }];
    const text = renderComparison(
      { ...lenet5, layers, total: { weights: 1_000, kept: 0, ratio: Infinity } },
      { name: 'mnist' },
      'x',
    );
    expect(text).toContain('layer        weights  kept    %\n');
    expect(text).toContain('fc1            1,000     0  0 %\n');
    expect(text).toContain('dense                    99.36 %   99.30 %\n');
    expect(text).toContain('46 epochs in 13:32\n');
    expect(text).not.toContain('paper');
    expect(text).not.toContain('authors');
  });

  it('has top-5 accuracies if they were measured and the paper does not go by top-1', () => {
    const final = { ...accuracies(0.8), testTop5: 0.99, validationTop5: 0.98 };
    expect(renderComparison({ ...lenet5, final }, { name: 'mnist' }, 'x')).not.toContain('top-5');
    const text = renderComparison({ ...lenet5, final }, { name: 'other' }, 'x');
    expect(text).toContain('final, top-5             99.00 %   98.00 %\n');
    expect(text).not.toContain('dense, top-5');
  });

  it('shows "-" where the paper gives a network\'s total alone', () => {
    const layers = [
      { name: 'fc1', weights: 235_200, kept: 8_000 },
      { name: 'fc2', weights: 30_000, kept: 3_000 },
      { name: 'fc3', weights: 1_000, kept: 500 },
    ];
    const text = renderComparison(
      { ...lenet5, layers, total: { weights: 266_200, kept: 11_500, ratio: 23.1 } },
      { name: 'mnist' },
      'x',
    );
    expect(text).toContain('LeNet-300-100 on MNIST: the paper');
    expect(text).toContain('fc1          235,200           -        -      8,000   3.4 %\n');
    expect(text).toContain('total        266,200      11,600    4.3 %     11,500   4.3 %\n');
    expect(text).toContain('compression                           23x              23.1x\n');
    expect(text).toContain('dense                              -     99.36 %         99.30 %\n');
    expect(text).toContain('final, after retraining       98.4 %     99.46 %         99.40 %\n');
    expect(text).toContain('46 epochs in 13:32\n');
  });

  it('ends with what makes the result doubtful', () => {
    const warnings = ['ADMM has not converged in fc1: '.repeat(3).trim()];
    expect(renderComparison({ ...lenet5, warnings }, { name: 'mnist' }, 'x')).toContain(`
46 epochs in 13:32; the authors took about 172 epochs
28,140 bytes with positions and biases, in float16 (prunegrid export)

ADMM has not converged in fc1: ADMM has not converged in fc1: ADMM has not
converged in fc1:

Files: x
`);
  });

  it('fits 80 columns', () => {
    for (const line of renderComparison(lenet5, { name: 'mnist' }, 'runs/one').split('\n'))
      expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('figures', () => {
  it.each([
    [-1, '0 s'],
    [4.4, '4 s'],
    [59.6, '1:00'],
    [125, '2:05'],
    [3725, '1:02:05'],
  ])('say %d seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  it('round shares as the paper does, and never up to the end', () => {
    expect([0.2, 0.009, 0.014053, 1, 0].map(roughPercent)).toEqual(['20 %', '0.9 %', '1.4 %', '100 %', '0 %']);
    expect([0.29, 0.999, 1].map(wholePercent)).toEqual(['29 %', '99 %', '100 %']);
    expect([ratio(430_500, 6_050), ratio(10, 0)]).toEqual(['71.2x', '-']);
  });
});

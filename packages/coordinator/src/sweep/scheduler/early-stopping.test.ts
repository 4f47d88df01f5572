import { describe, expect, it } from 'vitest';

import type { Spec } from '../../experiment/spec.js';
import { EarlyStopping, reportOf } from './early-stopping.js';

/** The report of an epoch of a trial that is chosen by accuracy, or by `choose`. */
function report(
  number: number,
  epoch: number,
  score: number,
  kept = 100,
  choose: Spec['choose'] = 'accuracy',
  cell = number,
) {
  const spec = { method: 'admm', choose } as Spec;
  const validation = choose === 'accuracy' ? { accuracy: score, loss: 0 } : { accuracy: 0, loss: score };
  return reportOf({ number, cell, kept: { total: kept }, spec }, epoch, validation);
}

/** Reports an epoch of several trials in turn; which of them should stop. */
function stopped(rule: EarlyStopping, epoch: number, accuracies: number[], kept = 100): number[] {
  return accuracies.flatMap((accuracy, i) =>
    rule.report(report(kept * 10 + i + 1, epoch, accuracy, kept)) === undefined ? [] : [i + 1],
  );
}

describe('asha', () => {
  const rule = () => new EarlyStopping({ rule: 'asha', firstEpoch: 1, reduction: 3 });

  it('lets only the best third go on, at the epochs 1, 3, 9', () => {
    const asha = rule();
    // The first two have nobody to be held against; the third is the best of three.
    expect(stopped(asha, 1, [0.8, 0.7, 0.9, 0.85, 0.95])).toEqual([4]);
    expect(stopped(asha, 2, [0.1, 0.2, 0.3])).toEqual([]);
    expect(stopped(asha, 3, [0.99, 0.98, 0.97])).toEqual([3]);
  });

  it('holds the best so far against the best so far', () => {
    const asha = rule();
    expect(stopped(asha, 1, [0.9, 0.8])).toEqual([]);
    asha.report(report(1003, 1, 0.95));
    expect(asha.report(report(1003, 3, 0.1))).toBeUndefined();
    expect(stopped(asha, 3, [0.91, 0.94])).toEqual([2]);
  });

  it('compares nothing across sparsities', () => {
    const asha = rule();
    expect(stopped(asha, 1, [0.99, 0.98, 0.97], 500)).toEqual([3]);
    expect(stopped(asha, 1, [0.5, 0.4], 100)).toEqual([]);
  });

  it('forgets a trial that begins anew', () => {
    const asha = rule();
    stopped(asha, 1, [0.9, 0.8]);
    asha.forget(1001);
    expect(asha.report(report(1003, 1, 0.1))).toBeUndefined();
  });
});

it('judges a configuration by its mean over seeds, and never holds one of its seeds against another', () => {
  const asha = new EarlyStopping({ rule: 'asha', firstEpoch: 1, reduction: 2 });
  const reportSeed = (trial: number, cell: number, accuracy: number) =>
    asha.report(report(trial, 1, accuracy, 100, 'accuracy', cell));
  expect([reportSeed(1, 1, 0.99), reportSeed(2, 1, 0.9)]).toEqual([undefined, undefined]);
  // The mean of the first configuration is 94.5 %. One seed of the second one beats it; both together do not.
  expect(reportSeed(3, 2, 0.95)).toBeUndefined();
  expect(reportSeed(4, 2, 0.93)).toMatch(
    /^asha: at epoch 1 of retraining 94\.00 % held out is not among the best 1 of 2$/,
  );
  expect(reportSeed(5, 1, 0.94)).toBeUndefined();
});

describe('median', () => {
  const rule = () => new EarlyStopping({ rule: 'median', firstEpoch: 2, trials: 3 });

  it("ends a trial whose best is below the median of the others' averages", () => {
    const median = rule();
    expect(stopped(median, 1, [0.5, 0.6, 0.7, 0.1])).toEqual([]);
    // Averages of the first three: 0.6, 0.7, 0.8.
    expect(stopped(median, 2, [0.7, 0.8, 0.9])).toEqual([]);
    expect(median.report(report(1004, 2, 0.69))).toMatch(
      /^median: at epoch 2 of retraining 69\.00 % held out is below the others' median, 70\.00 %$/,
    );
  });

  it('waits until enough others have come as far', () => {
    const median = rule();
    stopped(median, 1, [0.5, 0.6, 0.7, 0.1]);
    expect(stopped(median, 2, [0.7, 0.8])).toEqual([]);
    expect(median.report(report(1004, 2, 0.1))).toBeUndefined();
  });
});

it('holds losses against each other where the spec chooses by loss: the lower the better, NaN the worst', () => {
  const asha = new EarlyStopping({ rule: 'asha', firstEpoch: 1, reduction: 3 });
  const losses = [0.3, 0.1, NaN, 0.2, 0.05];
  const reasons = losses.map((loss, i) => asha.report(report(i + 1, 1, loss, 100, 'loss')));
  expect(reasons.map((reason) => reason !== undefined)).toEqual([false, false, true, true, false]);
  expect(reasons[3]).toBe('asha: at epoch 1 of retraining a loss of 0.200 held out is not among the best 1 of 4');
});

import { describe, expect, it } from 'vitest';

import { EarlyStopping } from './early-stopping.js';

/** Reports an epoch of several trials in turn; which of them should stop. */
function stopped(rule: EarlyStopping, epoch: number, accuracies: number[], kept = 100): number[] {
  return accuracies.flatMap((accuracy, i) => {
    const number = kept * 10 + i + 1;
    const report = { trial: number, cell: number, class: `${kept} by admm`, epoch, accuracy };
    return rule.report(report) === undefined ? [] : [i + 1];
  });
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
    asha.report({ trial: 1003, cell: 1003, class: '100 by admm', epoch: 1, accuracy: 0.95 });
    expect(asha.report({ trial: 1003, cell: 1003, class: '100 by admm', epoch: 3, accuracy: 0.1 })).toBeUndefined();
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
    expect(asha.report({ trial: 1003, cell: 1003, class: '100 by admm', epoch: 1, accuracy: 0.1 })).toBeUndefined();
  });
});

it('judges a configuration by its mean over seeds, and never holds one of its seeds against another', () => {
  const asha = new EarlyStopping({ rule: 'asha', firstEpoch: 1, reduction: 2 });
  const report = (trial: number, cell: number, accuracy: number) =>
    asha.report({ trial, cell, class: '100 by admm', epoch: 1, accuracy });
  expect([report(1, 1, 0.99), report(2, 1, 0.9)]).toEqual([undefined, undefined]);
  // The mean of the first configuration is 94.5 %. One seed of the second one beats it; both together do not.
  expect(report(3, 2, 0.95)).toBeUndefined();
  expect(report(4, 2, 0.93)).toMatch(/^asha: at epoch 1 of retraining 94\.00 % held out is not among the best 1 of 2$/);
  expect(report(5, 1, 0.94)).toBeUndefined();
});

describe('median', () => {
  const rule = () => new EarlyStopping({ rule: 'median', firstEpoch: 2, trials: 3 });

  it("ends a trial whose best is below the median of the others' averages", () => {
    const median = rule();
    expect(stopped(median, 1, [0.5, 0.6, 0.7, 0.1])).toEqual([]);
    // Averages of the first three: 0.6, 0.7, 0.8.
    expect(stopped(median, 2, [0.7, 0.8, 0.9])).toEqual([]);
    expect(median.report({ trial: 1004, cell: 1004, class: '100 by admm', epoch: 2, accuracy: 0.69 })).toMatch(
      /^median: at epoch 2 of retraining 69\.00 % held out is below the others' median, 70\.00 %$/,
    );
  });

  it('waits until enough others have come as far', () => {
    const median = rule();
    stopped(median, 1, [0.5, 0.6, 0.7, 0.1]);
    expect(stopped(median, 2, [0.7, 0.8])).toEqual([]);
    expect(median.report({ trial: 1004, cell: 1004, class: '100 by admm', epoch: 2, accuracy: 0.1 })).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';

import { type AdmmOutcome, warningOf } from './convergence.js';

/** Outcome in which the layers end with these primal residuals, as shares of ||W||. */
function outcome(residuals: Record<string, number>, rest: Partial<AdmmOutcome> = {}): AdmmOutcome {
  const layers = Object.entries(residuals).map(([layer, share]) => ({
    ...{ layer, rho: 1, primal: share * 4, dual: 1, weightNorm: 4, supportChange: 0.5 },
  }));
  return { layers, astrayFor: 1, denseAccuracy: 0.82, accuracy: 0.93, ...rest };
}

describe('a warning that ADMM has not converged', () => {
  it('names the worst layer, and what to try where the accuracy fell', () => {
    expect(warningOf(outcome({ conv1: 1.07, fc1: 1.14 }, { accuracy: 0.28 }))).toEqual({
      type: 'admm-not-converged',
      layer: 'fc1',
      residual: expect.closeTo(1.14) as number,
      message:
        'ADMM has not converged in fc1: its weights and their pruned copy are 114 % of ||W|| apart, and held-out accuracy fell from 82.00 % to 28.00 %; try a smaller admm.rho, a lower admm.learningRate, more admm.iterations, or keep more weights of fc1',
    });
  });

  it('says the contrary about rho where the weights do not mind it', () => {
    expect(warningOf(outcome({ fc1: 1.9 }, { astrayFor: 6 }))?.message).toBe(
      'ADMM has not converged in fc1: its weights and their pruned copy are 190 % of ||W|| apart; try a larger admm.rho, or one that grows (schedule: geometric), more admm.iterations, or keep more weights of fc1',
    );
  });

  // Residuals and accuracies after the last iteration, as measured with seed 1.
  it.each([
    [
      'lenet5-mnist',
      { conv1: 0.496, conv2: 0.075, fc1: 0.036, fc2: 0.185 },
      { denseAccuracy: 0.9926, accuracy: 0.991 },
    ],
    ['lenet300-mnist', { fc1: 0.035, fc2: 0.059, fc3: 0.238 }, { denseAccuracy: 0.9866, accuracy: 0.985 }],
    ['lenet5-smoke', { conv1: 0.694, conv2: 0.81, fc1: 0.953, fc2: 0.838 }, {}],
    ['sweep-smoke, rho 0.01', { conv1: 1.048, conv2: 1.094, fc1: 1.074, fc2: 1.16 }, { astrayFor: 2, accuracy: 0.93 }],
    ['rho to 0.003 at 280x', { conv1: 0.366, conv2: 0.749, fc1: 0.622 }, { denseAccuracy: 0.9926, accuracy: 0.991 }],
    ['rho to 0.1 at 280x', { conv1: 0.126, conv2: 0.205, fc1: 0.19 }, { denseAccuracy: 0.9926, accuracy: 0.982 }],
  ])('is not given for %s', (_name, residuals, rest) => {
    expect(warningOf(outcome(residuals, { astrayFor: 0, ...rest }))).toBeUndefined();
  });

  it.each([
    ['rho 1, 3 iterations', { conv1: 1.068, conv2: 0.934, fc1: 1.093, fc2: 1.078 }, { accuracy: 0.741 }],
    ['rho 10, 8 iterations', { conv1: 1.178, conv2: 0.402, fc1: 0.686, fc2: 0.416 }, { astrayFor: 6, accuracy: 0.24 }],
    ['rho 0.001, 8 iterations', { conv1: 1.53, conv2: 1.946, fc1: 1.727 }, { astrayFor: 6, accuracy: 0.954 }],
  ])('is given for lenet5-smoke with %s', (_name, residuals, rest) => {
    expect(warningOf(outcome(residuals, rest))).toBeDefined();
  });
});

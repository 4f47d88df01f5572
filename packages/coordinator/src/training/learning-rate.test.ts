import { describe, expect, it } from 'vitest';

import { learningRateAt } from './learning-rate.js';

const curve = (spec: Parameters<typeof learningRateAt>[0], steps: number, stepsPerEpoch = 10) =>
  Array.from({ length: steps }, (_, step) => learningRateAt(spec, step, steps, stepsPerEpoch));

describe('learningRateAt', () => {
  it('keeps a constant', () => {
    expect(curve({ schedule: 'constant', value: 0.1 }, 3)).toEqual([0.1, 0.1, 0.1]);
  });

  it('steps down at epochs', () => {
    const rates = curve({ schedule: 'step', initial: 1, factor: 0.1, everyEpochs: 2 }, 60);
    expect([rates[19], rates[20], rates[39], rates[40]]).toEqual([1, 0.1, 0.1, 0.1 ** 2]);
  });

  it('goes from one end of half a cosine to the other', () => {
    const rates = curve({ schedule: 'cosine', from: 1e-3, to: 1e-4 }, 101);
    expect(rates[0]).toBeCloseTo(1e-3, 12);
    expect(rates[50]).toBeCloseTo(5.5e-4, 12);
    expect(rates[100]).toBeCloseTo(1e-4, 12);
  });

  // torch.optim.lr_scheduler.OneCycleLR(max_lr=3e-3, total_steps=20, final_div_factor=1e4): final = initial / 1e4.
  it("is PyTorch's one-cycle", () => {
    const rates = curve({ schedule: 'one-cycle', max: 3e-3, warmup: 0.3, divide: 25, finalDivide: 250_000 }, 20);
    const expected = [
      0.00012, 0.00039501052846, 0.00111501052846, 0.00200498947154, 0.00272498947154, 0.003, 0.00296239202,
      0.00285145392,
    ];
    expected.forEach((rate, step) => expect(rates[step]).toBeCloseTo(rate, 8));
    expect(rates[19]).toBeCloseTo(1.2e-8, 12);
  });

  // SequentialLR of LinearLR(start_factor=1/4, total_iters=3) and of CosineAnnealingLR(T_max=6, eta_min=0.01), of
  // StepLR(step_size=4, gamma=0.1) or of a constant, with 2 steps an epoch.
  it.each([
    [
      { schedule: 'cosine', from: 0.1, to: 0.01, warmUp: 1.5 },
      [0.1, 0.0939711432, 0.0775, 0.055, 0.0325, 0.0160288568, 0.01],
    ],
    [
      { schedule: 'step', initial: 0.1, factor: 0.1, everyEpochs: 2, warmUp: 1.5 },
      [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01],
    ],
    [{ schedule: 'constant', value: 0.1, warmUp: 1.5 }, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]],
  ] as const)("warms up as PyTorch's linear warm-up does: $schedule", (spec, rest) => {
    const rates = curve(spec, 10, 2);
    [0.025, 0.05, 0.075, ...rest].forEach((rate, step) => expect(rates[step]).toBeCloseTo(rate, 9));
  });

  it('is defined for a phase of one step', () => {
    for (const schedule of [
      { schedule: 'cosine', from: 1, to: 0.5 } as const,
      { schedule: 'one-cycle', max: 1, warmup: 0.3, divide: 25, finalDivide: 1e4 } as const,
    ]) {
      expect(curve(schedule, 1)).toEqual([1]);
    }
  });
});

import { describe, expect, it } from 'vitest';

import { createOptimizer } from './optimizer.js';

const ranges = [
  { from: 0, to: 2, decayed: true },
  { from: 2, to: 3, decayed: false },
];
const run = (choice: Parameters<typeof createOptimizer>[0], steps: number) => {
  const optimizer = createOptimizer(choice, ranges);
  const parameters = Float32Array.of(1, -2, 0.5);
  // The gradient of a quadratic; the two elements behind it are not parameters.
  for (let i = 0; i < steps; i++) {
    const move = optimizer.step(i + 1, 0.1);
    const gradient = Float32Array.of(parameters[0] - 3, 2 * parameters[1], -1, 99, 99);
    // In whatever pieces: here across the border of two kinds, the later one first.
    move(parameters, gradient.subarray(1), 1, 3);
    move(parameters, gradient, 0, 1);
  }
  return [...parameters];
};

describe('optimizers', () => {
  // The reference is the textbook algorithm, written out for one parameter at a time in double precision.
  const reference = (
    update: (state: number[], w: number, g: number, t: number) => number,
    weightDecay: number,
    steps: number,
  ) =>
    [1, -2, 0.5].map((start, i) => {
      const state = [0, 0];
      let w = start;
      for (let t = 1; t <= steps; t++) {
        const g = [w - 3, 2 * w, -1][i] + (i < 2 ? weightDecay * w : 0);
        w = update(state, w, g, t);
      }
      return w;
    });

  it('Adam follows Kingma & Ba, with the L2 term on weights only', () => {
    const expected = reference(
      (state, w, g, t) => {
        state[0] = 0.9 * state[0] + 0.1 * g;
        state[1] = 0.99 * state[1] + 0.01 * g * g;
        return w - (0.1 * (state[0] / (1 - 0.9 ** t))) / (Math.sqrt(state[1] / (1 - 0.99 ** t)) + 1e-8);
      },
      0.05,
      20,
    );
    const value = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.05 };
    run({ $case: 'adam', value }, 20).forEach((w, i) => expect(w).toBeCloseTo(expected[i], 5));
  });

  it("SGD's momentum is the heavy ball", () => {
    const expected = reference(
      (state, w, g) => {
        state[0] = 0.8 * state[0] + g;
        return w - 0.1 * state[0];
      },
      0.05,
      5,
    );
    const value = { momentum: 0.8, weightDecay: 0.05 };
    run({ $case: 'sgd', value }, 5).forEach((w, i) => expect(w).toBeCloseTo(expected[i], 5));
  });

  it.each([
    { $case: 'adam', value: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.05 } },
    { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0.05 } },
  ] as const)("$case: the penalty's gradient counts as if it had been added, in float32, to the loss's", (choice) => {
    const length = 1000;
    const random = (seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(seed * (i + 1)));
    const [from, to, rho] = [100, 900, 0.7];
    const target = random(5).subarray(from, to);
    const train = (penalised: boolean) => {
      const parameters = random(1);
      const whole = { from: 0, to: length, decayed: true };
      const parts = [
        { ...whole, to: from },
        { ...whole, from, to, penalty: { rho, target } },
        { ...whole, from: to },
      ];
      const optimizer = createOptimizer(choice, penalised ? parts : [whole]);
      for (let step = 1; step <= 3; step++) {
        const gradient = random(step + 1);
        if (!penalised) {
          for (let i = from; i < to; i++) gradient[i] += rho * (parameters[i] - target[i - from]);
        }
        const move = optimizer.step(step, 0.01);
        for (const [start, end] of [
          [0, 350],
          [350, length],
        ]) {
          move(parameters, gradient.subarray(start, end), start, end);
        }
      }
      return parameters;
    };
    expect(train(true)).toEqual(train(false));
  });
});

import { describe, expect, it } from 'vitest';

import { createOptimizer } from './optimizer.js';

const ranges = [
  { from: 0, to: 2, decayed: true },
  { from: 2, to: 3, decayed: false },
];
const run = (choice: Parameters<typeof createOptimizer>[0], steps: number) => {
  const optimizer = createOptimizer(choice, ranges, Float32Array.of(1, -2, 0.5));
  const { parameters } = optimizer;
  // The gradient of a quadratic; the two elements behind it are not parameters.
  for (let i = 0; i < steps; i++) {
    const move = optimizer.step(i + 1, 0.1);
    const gradient = Float32Array.of(parameters[0] - 3, 2 * parameters[1], -1);
    // In whatever pieces: here across the border of two kinds, the later one first.
    move(gradient.subarray(1), 1);
    move(gradient.subarray(0, 1), 0);
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

  // torch.optim with a group of weights, which has the weight decay, and a group of biases, which has none: 5 steps in
  // double precision.
  const adam = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.05 };
  it.each([
    [{ $case: 'adamw', value: adam }, [1.4677275, -1.4585672, 1.0]],
    [{ $case: 'adam', value: adam }, [1.49695917, -1.50275472, 1.0]],
    [{ $case: 'sgd', value: { momentum: 0.8, weightDecay: 0.05, nesterov: true } }, [2.82849682, 0.54041027, 1.924288]],
    [{ $case: 'sgd', value: { momentum: 0.8, weightDecay: 0.05 } }, [2.74033893, 0.80897071, 1.65536]],
  ] as const)("makes PyTorch's steps: %o", (choice, expected) => {
    run(choice, 5).forEach((w, i) => expect(w).toBeCloseTo(expected[i], 5));
  });

  const choices = [
    { $case: 'adam', value: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.05 } },
    { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0.05 } },
    { $case: 'adamw', value: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.05 } },
    { $case: 'sgd', value: { momentum: 0.9, weightDecay: 0.05, nesterov: true } },
  ] as const;
  const rules = choices.map((choice) => ({ rule: JSON.stringify(choice), choice }));
  /** Longer than a block, and divisible by nothing. */
  const length = 40_009;
  const random = (seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(seed * (i + 1)));

  it.each(rules)(
    '$rule: has the bits of the same steps in double precision, one parameter after another',
    ({ choice }) => {
      const optimizer = createOptimizer(choice, [{ from: 0, to: length, decayed: true }], random(1));
      const [W, ...moments] = [random(1), ...optimizer.moments.map(() => new Float32Array(length))];
      for (let step = 1; step <= 3; step++) {
        const gradient = random(step + 1);
        optimizer.step(step, 0.01)(gradient, 0);
        for (let i = 0; i < length; i++) {
          if (choice.$case !== 'sgd') {
            const [m, v] = moments;
            const { beta1, beta2, epsilon, weightDecay } = choice.value;
            const coupled = choice.$case === 'adam';
            const g = gradient[i] + (coupled ? weightDecay * W[i] : 0);
            const first = beta1 * m[i] + (1 - beta1) * g;
            const second = beta2 * v[i] + (1 - beta2) * g * g;
            const rate = 0.01 / (1 - beta1 ** step);
            const shrunk = coupled ? W[i] : W[i] - 0.01 * weightDecay * W[i];
            W[i] = shrunk - (rate * first) / (Math.sqrt(second) * (1 / Math.sqrt(1 - beta2 ** step)) + epsilon);
            [m[i], v[i]] = [first, second];
          } else {
            const { momentum, weightDecay } = choice.value;
            if ('nesterov' in choice.value) {
              const g = gradient[i] + weightDecay * W[i];
              const v = momentum * moments[0][i] + g;
              moments[0][i] = v;
              W[i] -= 0.01 * (g + momentum * v);
            } else {
              const v = momentum * moments[0][i] + gradient[i] + weightDecay * W[i];
              moments[0][i] = v;
              W[i] -= 0.01 * v;
            }
          }
        }
      }
      expect(optimizer.parameters).toEqual(W);
      expect(optimizer.moments).toEqual(moments);
    },
  );

  it.each(rules)(
    "$rule: the penalty's gradient counts as if it had been added, in float32, to the loss's",
    ({ choice }) => {
      const [from, to, rho] = [101, 39_008, 0.7];
      const target = random(5).subarray(from, to);
      const train = (penalised: boolean) => {
        const parts = [
          { from: 0, to: from, decayed: true },
          { from, to, decayed: true },
          { from: to, to: length, decayed: true },
        ];
        const optimizer = createOptimizer(choice, parts, random(1));
        if (penalised) optimizer.setPenalties(new Map([[1, { rho, target }]]));
        for (let step = 1; step <= 3; step++) {
          const gradient = random(step + 1);
          if (!penalised) {
            for (let i = from; i < to; i++) gradient[i] += rho * (optimizer.parameters[i] - target[i - from]);
          }
          const move = optimizer.step(step, 0.01);
          move(gradient.subarray(0, 20_001), 0);
          move(gradient.subarray(20_001), 20_001);
        }
        return optimizer.parameters;
      };
      expect(train(true)).toEqual(train(false));
    },
  );

  it.each(rules)('$rule: goes on from moments as if it had not stopped', ({ choice }) => {
    const ranges = [{ from: 0, to: length, decayed: true }];
    const train = (optimizer: ReturnType<typeof createOptimizer>, steps: number[]) => {
      for (const step of steps) optimizer.step(step, 0.01)(random(step), 0);
      return optimizer;
    };
    const whole = train(createOptimizer(choice, ranges, random(1)), [1, 2, 3]);
    const { parameters, moments } = train(createOptimizer(choice, ranges, random(1)), [1, 2]);
    expect(train(createOptimizer(choice, ranges, parameters, moments), [3]).parameters).toEqual(whole.parameters);
  });

  it('keeps all vectors where TensorFlow reads them without a copy', () => {
    const odd = createOptimizer(choices[0], [{ from: 0, to: 33, decayed: true }], new Float32Array(33));
    for (const { byteOffset } of [odd.parameters, ...odd.moments]) expect(byteOffset % 64).toBe(0);
  });

  it('says that a model is too large before it takes memory', () => {
    const huge = { length: 3e8 } as Float32Array;
    expect(() => createOptimizer(choices[0], [], huge)).toThrow(/a model of 300000000 parameters is too large/);
  });
});

import { expect, it } from 'vitest';

import { clipByGlobalNorm } from './clipping.js';

const ranges = [
  { from: 0, to: 2, decayed: true },
  { from: 2, to: 3, decayed: false, added: true },
  { from: 3, to: 4, decayed: false },
];

// torch.nn.utils.clip_grad_norm_([W, b], max_norm) with W.grad = [2, -3] and b.grad = [6].
it.each([
  [3.5, [1, -1.5, 10, 3]],
  [8, [2, -3, 10, 6]],
])('clips to the norm %s as PyTorch does, and leaves states alone', (maxNorm, expected) => {
  const gradient = Float32Array.of(2, -3, 10, 6);
  expect(clipByGlobalNorm(gradient, maxNorm, ranges)).toBe(7);
  gradient.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6));
});

it('takes a gradient of zeros, and hides none that is not finite', () => {
  const zeros = new Float32Array(4);
  clipByGlobalNorm(zeros, 1, ranges);
  expect(zeros).toEqual(new Float32Array(4));
  const broken = Float32Array.of(1, NaN, 0, 1);
  clipByGlobalNorm(broken, 1, ranges);
  expect(broken).toEqual(Float32Array.of(NaN, NaN, 0, NaN));
});

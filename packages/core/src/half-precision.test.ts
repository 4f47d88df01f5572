import { expect, it } from 'vitest';

import { halfToNumber, numberToHalf } from './half-precision.js';

it('gives every half back, and rounds what lies between two to the nearest, then to the even one', () => {
  const wrong = Array.from({ length: 0x7c00 }, (_, bits) => bits).filter((bits) => {
    const [value, next] = [halfToNumber(bits), bits === 0x7bff ? 65536 : halfToNumber(bits + 1)];
    const [middle, step] = [(value + next) / 2, (next - value) / 64];
    const right =
      numberToHalf(value) === bits &&
      numberToHalf(-value) === (bits | 0x8000) &&
      numberToHalf(middle) === (bits % 2 === 0 ? bits : bits + 1) &&
      numberToHalf(middle - step) === bits &&
      numberToHalf(middle + step) === bits + 1;
    return !right;
  });
  expect(wrong).toEqual([]);
});

it.each([
  [Infinity, 0x7c00],
  [-1e30, 0xfc00],
  [NaN, 0x7e00],
  [1e-30, 0],
  [-0, 0x8000],
])('knows %d', (value, bits) => expect(numberToHalf(value)).toBe(bits));

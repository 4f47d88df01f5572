import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bfloat16Words, packBfloat16, roundToBfloat16, unpackBfloat16 } from './bfloat16.js';

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e30), max: Math.fround(1e30) });

describe('bfloat16', () => {
  it('holds the nearest value of eight significant bits, ties to even', () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -3.140625, 0, NaN);
    roundToBfloat16(values, new Float32Array(values.length));
    expect([...values]).toEqual([1, 1, 1 + 2 ** -6, 1 + 2 ** -7, -3.140625, 0, NaN]);
  });

  it('loses nothing: what was rounded and what is left add up', () => {
    fc.assert(
      fc.property(fc.array(finite, { maxLength: 9 }), (numbers) => {
        const exact = Float32Array.from(numbers);
        const values = exact.slice();
        const residual = new Float32Array(values.length);
        roundToBfloat16(values, residual);
        values.forEach((value, i) => {
          expect(value + residual[i]).toBe(exact[i] + 0);
          expect(Math.abs(residual[i])).toBeLessThanOrEqual(Math.abs(exact[i]) * 2 ** -8 + 2 ** -133);
        });
      }),
    );
  });

  it('feeds back what it has left out: the mean of many roundings is the value', () => {
    const residual = new Float32Array(1);
    let sum = 0;
    for (let i = 0; i < 1000; i++) {
      const value = Float32Array.of(1.001);
      roundToBfloat16(value, residual);
      sum += value[0];
    }
    expect(sum / 1000).toBeCloseTo(1.001, 5);
  });

  it('is packed in half the room, and comes out as it went in', () => {
    fc.assert(
      fc.property(fc.array(finite, { maxLength: 9 }), (numbers) => {
        const values = Float32Array.from(numbers);
        roundToBfloat16(values, new Float32Array(values.length));
        const words = packBfloat16(values);
        expect(words).toHaveLength(bfloat16Words(values.length));
        const unpacked = new Float32Array(values.length);
        unpackBfloat16(words, unpacked);
        expect(unpacked).toEqual(values);
      }),
    );
  });
});

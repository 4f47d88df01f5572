import { describe, expect, it } from 'vitest';
import { philox, RandomStream } from './philox.js';

const words = (...args: [number, number, number, number, number, number]) => {
  const out = new Uint32Array(4);
  philox(out, ...args);
  return [...out].map((word) => word.toString(16).padStart(8, '0'));
};

describe('philox', () => {
  // Known answers: kat_vectors of Random123, philox4x32 with 10 rounds.
  it('gives the known answers of the reference implementation', () => {
    expect(words(0, 0, 0, 0, 0, 0)).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
    const ones = 0xffffffff;
    expect(words(ones, ones, ones, ones, ones, ones)).toEqual(['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd']);
    expect(words(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0)).toEqual([
      'd16cfe09',
      '94fdcceb',
      '5001e420',
      '24126ea1',
    ]);
  });
});

describe('RandomStream', () => {
  it('is a function of its arguments, and every argument matters', () => {
    const draw = (...args: [number, number, number?, number?, number?]) => {
      const stream = new RandomStream(...args);
      return Array.from({ length: 9 }, () => stream.nextUint32()).join();
    };
    expect(draw(1, 2, 3, 4, 5)).toBe(draw(1, 2, 3, 4, 5));
    const all = [
      draw(1, 2, 3, 4, 5),
      draw(0, 2, 3, 4, 5),
      draw(1, 0, 3, 4, 5),
      draw(1, 2, 0, 4, 5),
      draw(1, 2, 3, 0, 5),
    ];
    expect(new Set([...all, draw(1, 2, 3, 4, 0)]).size).toBe(6);
  });

  it('draws every value below a bound about equally often', () => {
    const stream = new RandomStream(7, 1);
    const counts = new Array<number>(5).fill(0);
    for (let i = 0; i < 50_000; i++) counts[stream.nextBelow(5)]++;
    // 10,000 expected, standard deviation 89.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';

import { keptAt } from './gradual.js';

it("keeps what Zhu & Gupta's cubic schedule keeps", () => {
  const layer = { size: 1000, keep: 100 };
  // Sparsity 0.9 * (1 - (1 - t)^3) at t = 1/4, 1/2, 3/4, 1.
  expect([1, 2, 3, 4].map((epoch) => keptAt(epoch, 4, layer))).toEqual([480, 213, 114, 100]);
  expect(keptAt(1, 1, layer)).toBe(100);
});

it('never grows, and ends with exactly what is kept', () => {
  fc.assert(
    fc.property(fc.nat(500_000), fc.nat(500_000), fc.integer({ min: 1, max: 60 }), (keep, more, epochs) => {
      const layer = { keep, size: keep + more };
      const kept = Array.from({ length: epochs }, (_, i) => keptAt(i + 1, epochs, layer));
      expect(kept.at(-1)).toBe(keep);
      kept.reduce((before, now) => {
        expect(now).toBeLessThanOrEqual(before);
        return now;
      }, layer.size);
    }),
  );
});

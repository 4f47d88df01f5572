import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { atMost, denseForm, projectionOnto } from '@prunegrid/numerics/constraints';
import { projectBySorting } from './by-sorting.js';

describe('projectBySorting', () => {
  it('keeps what selection keeps, ties by position', () => {
    const few = fc.integer({ min: -3, max: 3 }).map((value) => value / 2);
    const values = fc.array(fc.oneof(few, fc.float({ noNaN: true, noDefaultInfinity: true })), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.nat(), (numbers, rank) => {
        const tensor = Float32Array.from(numbers);
        const keep = 1 + (rank % tensor.length);
        expect(projectBySorting(tensor, keep)).toEqual(
          denseForm(tensor, projectionOnto(atMost(keep), [tensor.length])(tensor)),
        );
      }),
    );
  });
});

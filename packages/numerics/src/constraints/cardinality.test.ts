import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distance } from '../admm/norms.js';
import { atMost, denseForm, NonFiniteError, projectionOnto } from './index.js';

/** By the registered constraint. */
function project(values: Float32Array, keep: number) {
  const projection = projectionOnto(atMost(keep), [values.length])(values);
  return { projected: denseForm(values, projection), support: projection.support };
}

/** Few distinct values, so that ties, both zeros and the smallest and largest magnitudes are common. */
const tied = fc.constantFrom(-2, -1, -0, 0, 1, 2, 2 ** -149, -(2 ** -149), 2 ** -126, 3.4028234663852886e38);
const finite = fc.float({ noNaN: true, noDefaultInfinity: true });

const valuesAndKeep = (maxLength: number) =>
  fc
    .oneof(fc.array(tied, { maxLength }), fc.array(finite, { maxLength }))
    .chain((values) => fc.tuple(fc.constant(Float32Array.from(values)), fc.nat({ max: values.length })));

/** The definition, by sorting: largest magnitude first, equal magnitudes in their order. */
function keptBySorting(values: Float32Array, keep: number): number[] {
  const order = Array.from(values.keys()).sort((i, j) => Math.abs(values[j]) - Math.abs(values[i]) || i - j);
  return order.slice(0, keep).sort((i, j) => i - j);
}

function restricted(values: Float32Array, support: Iterable<number>): Float32Array {
  const result = new Float32Array(values.length);
  for (const i of support) result[i] = values[i];
  return result;
}

function* subsets(n: number, size: number, from = 0): Generator<number[]> {
  if (size === 0) yield [];
  else for (let i = from; i <= n - size; i++) for (const rest of subsets(n, size - 1, i + 1)) yield [i, ...rest];
}

describe('project', () => {
  it('keeps what sorting by magnitude keeps, ties by position, for any values and keep', () => {
    fc.assert(
      fc.property(valuesAndKeep(40), ([values, keep]) => {
        const { projected, support } = project(values, keep);
        expect(Array.from(support)).toEqual(keptBySorting(values, keep));
        expect(projected).toEqual(restricted(values, support));
      }),
      { numRuns: 1000 },
    );
  });

  it('is nearest: no other support of that size gives a closer tensor', () => {
    fc.assert(
      fc.property(valuesAndKeep(8), ([values, keep]) => {
        const nearest = distance(values, project(values, keep).projected);
        for (const support of subsets(values.length, keep)) {
          expect(nearest).toBeLessThanOrEqual(distance(values, restricted(values, support)));
        }
      }),
    );
  });

  it('selects in a large tensor, far more entries than histogram bins', () => {
    let seed = 1;
    const values = Float32Array.from({ length: 200_000 }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return (seed / 2 ** 32 - 0.5) * 0.2;
    });
    expect(Array.from(project(values, 1800).support)).toEqual(keptBySorting(values, 1800));
  });

  it('keeps the lowest positions among equal magnitudes, whatever their sign', () => {
    expect(Array.from(project(Float32Array.of(-1, 3, 1, -1, 1), 3).support)).toEqual([0, 1, 2]);
  });

  it('keeps exactly `keep` positions where there are fewer non-zeros, +0 and -0 being equal', () => {
    const { projected, support } = project(Float32Array.of(-0, 0, -0, 5, 0), 3);
    expect(Array.from(support)).toEqual([0, 1, 3]);
    expect(Array.from(projected)).toEqual([-0, 0, 0, 5, 0]);
  });

  it('keeps none with keep = 0, and copies all with keep = n', () => {
    const values = Float32Array.of(1, -2, 3);
    expect(project(values, 0)).toEqual({ projected: new Float32Array(3), support: new Uint32Array(0) });
    expect(project(values, 3)).toEqual({ projected: values, support: Uint32Array.of(0, 1, 2) });
    expect(project(new Float32Array(0), 0).support).toHaveLength(0);
  });

  it('leaves its input alone and never shares its buffer', () => {
    const values = Float32Array.of(1, -2, 3);
    const { projected } = project(values, 3);
    projected.fill(9);
    expect(Array.from(values)).toEqual([1, -2, 3]);
  });

  it('reads a view into a larger buffer from its own offset', () => {
    const view = Float32Array.of(100, 1, -2, 3, 100).subarray(1, 4);
    expect(Array.from(project(view, 1).projected)).toEqual([0, 0, 3]);
  });

  it.each([NaN, Infinity, -Infinity])('refuses %s, naming its position', (bad) => {
    for (const keep of [0, 1, 3]) {
      const error = catchError(() => project(Float32Array.of(1, 2, bad), keep));
      expect(error).toBeInstanceOf(NonFiniteError);
      expect(error).toMatchObject({ index: 2, value: bad, message: expect.stringContaining('position 2') });
    }
  });

  it.each([-1, 4, 1.5, NaN])('refuses to keep %s of 3', (keep) => {
    expect(() => project(new Float32Array(3), keep)).toThrow(RangeError);
  });
});

function catchError(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

import { sizeOf } from '@prunegrid/numerics/shape';
import { nodeHost } from '@prunegrid/core/node';
import { hardPrune, initialise, iterate, iterateInPlace } from '@prunegrid/numerics/admm';
import {
  type ConstraintData,
  constraints,
  denseForm,
  NonFiniteError,
  type Projection,
  projectionOnto,
} from '@prunegrid/numerics/constraints';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/**
 * Test data that the constraint accepts for tensors of a given shape. Some cases must have at most 8 weights, and one
 * some hundreds.
 */
export interface ConstraintCase {
  data: ConstraintData;
  shape: readonly number[];
}

/** The largest number of weights for which all subsets are tried. */
const SMALL = 8;

/**
 * The generator has few distinct values, so that ties, zeros of both signs, and the smallest and largest magnitudes are
 * common.
 */
const tied = fc.constantFrom(-2, -1, -0, 0, 1, 2, 0.5, 2 ** -149, -(2 ** -126), 2 ** 60);
const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 60), max: 2 ** 60 });

/**
 * Describes the vitest tests that every registered constraint must pass.
 * @param name the name under which the constraint is registered when the tests run
 */
export function describeConstraint(name: string, cases: readonly ConstraintCase[]): void {
  describe.each(cases)(`constraint ${name}: $data for $shape`, ({ data, shape }) => {
    const size = sizeOf(shape);
    const values = fc
      .oneof(...[tied, finite].map((value) => fc.array(value, { minLength: size, maxLength: size })))
      .map((numbers) => Float32Array.from(numbers));
    const project = (tensor: Float32Array): Projection => projectionOnto(data, shape)(tensor);
    const nearest = (tensor: Float32Array): Float32Array => denseForm(tensor, project(tensor));
    /**
     * The number of runs is small because there are many subsets, and a projection of eight weights may cost as much as
     * one of thousands.
     */
    const exhaustive = { numRuns: 4 };
    const runs = { numRuns: size <= SMALL ? 10 : 5 };

    it('is data of its own kind, which a thread can be told, and fits the shape', () => {
      expect(data.kind).toBe(name);
      expect(structuredClone(data)).toEqual(data);
      expect(constraints.get(name).problem(data, shape)).toBeUndefined();
    });

    it('gives positions that ascend, values for each of them, and no more than it says that it keeps', () => {
      const most = constraints.get(name).keeps(data, shape);
      fc.assert(
        fc.property(values, (tensor) => {
          const { support, values: own, trainable = support } = project(tensor);
          for (const positions of [support, trainable]) expectAscending(positions, size);
          expect(support.length).toBeLessThanOrEqual(most);
          if (own) expect(own).toHaveLength(support.length);
        }),
        runs,
      );
    });

    it('leaves what meets the constraint as it is', () => {
      fc.assert(
        fc.property(values, (tensor) => {
          const once = nearest(tensor);
          expect(nearest(once)).toEqual(once);
        }),
        runs,
      );
    });

    it('is nearest: no tensor that meets the constraint is closer', () => {
      fc.assert(
        fc.property(values, fc.array(values, { minLength: 5, maxLength: 5 }), (tensor, others) => {
          const least = squaredDistance(tensor, nearest(tensor));
          const found = others.map(nearest);
          if (size <= SMALL)
            found.push(...subsetsOf(tensor).filter((candidate) => sameBits(nearest(candidate), candidate)));
          // Sums of squares that are mathematically equal may differ in their last digits.
          for (const point of found) expect(least).toBeLessThanOrEqual(squaredDistance(tensor, point) * (1 + 1e-12));
        }),
        exhaustive,
      );
    });

    it('gives the same bits for the same tensor, ties included, wherever it lies in memory, and leaves it alone', () => {
      fc.assert(
        fc.property(values, (tensor) => {
          const before = tensor.slice();
          const elsewhere = new Float32Array(size + 13).subarray(7, 7 + size);
          elsewhere.set(tensor);
          expect(project(elsewhere)).toEqual(project(tensor));
          expect(tensor).toEqual(before);
        }),
        runs,
      );
    });

    it.each([NaN, Infinity, -Infinity])('refuses %s and names its position', (bad) => {
      const tensor = Float32Array.from({ length: size }, (_, i) => i + 1);
      tensor[size - 1] = bad;
      const refused = (): unknown => {
        try {
          return project(tensor);
        } catch (error) {
          return error;
        }
      };
      expect(refused()).toBeInstanceOf(NonFiniteError);
      expect(refused()).toMatchObject({ index: size - 1, value: bad });
    });

    it('gives the same bits in place, and in threads', async () => {
      const [W0, W1] = fc.sample(values, { numRuns: 2, seed: 1 });
      const onto = projectionOnto(data, shape);
      const start = initialise(W0, onto, 0.5);
      const expected = iterate(start, W1, onto, 2);
      expect(iterateInPlace(structuredClone(start), W1, onto, 2)).toEqual(expected);

      const threads = new Projector(nodeHost, undefined, 0);
      const layers = [{ name: 'layer', constraint: data, shape, offset: 0, size }];
      const [begun] = await threads.initialise(layers, W0, 0.5);
      expect(begun).toEqual(start);
      expect(await threads.iterate(layers, [begun], W1, 2)).toEqual([expected]);
      const { weights, support, trainable } = hardPrune(W1, onto);
      expect(await threads.pruneNetwork(layers, W1)).toEqual({
        weights,
        supports: new Map([['layer', support]]),
        trainable: new Map([['layer', trainable]]),
      });
    });
  });
}

function expectAscending(positions: Uint32Array, size: number): void {
  positions.forEach((position, i) => {
    expect(position).toBeGreaterThan(i === 0 ? -1 : positions[i - 1]);
    expect(position).toBeLessThan(size);
  });
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
}

/** Returns, for each subset of the tensor's values, a tensor in which all other values are 0. */
function subsetsOf(tensor: Float32Array): Float32Array[] {
  return Array.from({ length: 2 ** tensor.length }, (_, bits) =>
    tensor.map((value, i) => (bits & (1 << i) ? value : 0)),
  );
}

const sameBits = (a: Float32Array, b: Float32Array): boolean => a.every((value, i) => Object.is(value, b[i]));

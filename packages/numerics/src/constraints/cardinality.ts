import { sizeOf } from '../shape.js';
import { type Constraint, type ConstraintData, NonFiniteError } from './constraint.js';

/** The largest number of non-zeros, `keep`, which is l_i in the paper. */
export interface Cardinality extends ConstraintData {
  readonly kind: 'cardinality';
  readonly keep: number;
}

export const atMost = (keep: number): Cardinality => ({ kind: 'cardinality', keep });

/**
 * The cardinality constraint (Zhang et al. 2018, equation 2): S is the set of tensors with at most `keep` non-zeros.
 * The projection keeps the `keep` entries of largest magnitude and sets all others to zero.
 */
export const cardinality: Constraint<Cardinality> = {
  name: 'cardinality',
  problem(data, shape) {
    const size = sizeOf(shape);
    const extra = Object.keys(data).find((key) => key !== 'kind' && key !== 'keep');
    if (extra !== undefined) return `${extra}: unknown key; allowed: keep`;
    return isCount(data.keep, size)
      ? undefined
      : `keep: found ${data.keep}; must be a whole number from 0 to ${size}, the weights of the layer`;
  },
  keeps: ({ keep }) => keep,
  project: ({ values }, { keep }) => ({ support: select(values, keep) }),
};

const isCount = (keep: unknown, size: number): boolean =>
  typeof keep === 'number' && Number.isInteger(keep) && keep >= 0 && keep <= size;

/** The bits of a float32 without its sign. Compared as integers, they order finite values by magnitude. */
const magnitudeMask = 0x7fffffff;
/** The upper half of the bits of infinity. The upper half of NaN is at least as large. */
const nonFinite = 0x7f80;

/**
 * Returns the positions of the `keep` entries of largest magnitude, in ascending order.
 *
 * It always returns exactly `keep` positions: among equal magnitudes, including zeros, the lowest positions are kept.
 * It takes O(n) time in three passes. In addition to the result it needs 384 KiB, whatever the tensor's size.
 *
 * @throws {RangeError} if `keep` is not an integer from 0 to `values.length`
 * @throws {NonFiniteError} if `values` holds NaN or an infinity
 */
export function select(values: Float32Array, keep: number): Uint32Array {
  if (!isCount(keep, values.length)) {
    throw new RangeError(`cannot keep ${keep} of ${values.length} weights`);
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const threshold = selectThreshold(values, bits, keep);
  const support = new Uint32Array(keep);
  let kept = 0;
  let tiesLeft = threshold.ties;
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i] & magnitudeMask;
    if (magnitude < threshold.magnitude) continue;
    if (magnitude === threshold.magnitude) {
      if (tiesLeft === 0) continue;
      tiesLeft -= 1;
    }
    support[kept++] = i;
  }
  return support;
}

interface Threshold {
  /** The magnitude bits of the `keep`-th largest entry. */
  magnitude: number;
  /** The number of entries of exactly this magnitude that are kept. */
  ties: number;
}

/**
 * Finds the threshold by radix selection. A histogram of the upper 15 magnitude bits finds the bin; a second histogram,
 * of the lower 16 bits, finds the entry within the bin.
 */
function selectThreshold(values: Float32Array, bits: Uint32Array, keep: number): Threshold {
  const upper = new Uint32Array(1 << 15);
  for (let i = 0; i < bits.length; i++) {
    const half = (bits[i] & magnitudeMask) >>> 16;
    if (half >= nonFinite) throw new NonFiniteError(i, values[i]);
    upper[half] += 1;
  }
  const high = binOfRank(upper, keep);

  const lower = new Uint32Array(1 << 16);
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i] & magnitudeMask) >>> 16 === high.bin) lower[bits[i] & 0xffff] += 1;
  }
  const low = binOfRank(lower, high.rank);
  return { magnitude: (high.bin << 16) | low.bin, ties: low.rank };
}

/**
 * Returns the bin that holds the entry of this rank (1 is the largest) and the entry's rank within the bin. Rank 0 is
 * in the top bin.
 */
function binOfRank(histogram: Uint32Array, rank: number): { bin: number; rank: number } {
  let bin = histogram.length - 1;
  while (histogram[bin] < rank) rank -= histogram[bin--];
  return { bin, rank };
}

import { sizeOf } from '../shape.js';
import { type Constraint, type ConstraintData, NonFiniteError } from './constraint.js';

/** At most `keep` non-zeros, l_i in the paper. */
export interface Cardinality extends ConstraintData {
  readonly kind: 'cardinality';
  readonly keep: number;
}

export const atMost = (keep: number): Cardinality => ({ kind: 'cardinality', keep });

/**
 * The constraint of the paper (Zhang et al. 2018, equation 2): S is the set of tensors with at most `keep` non-zeros. The
 * nearest point keeps the `keep` entries of largest magnitude; all others become zero.
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

/** Bits of a float32 without its sign: as an integer they order finite values as their magnitudes do. */
const magnitudeMask = 0x7fffffff;
/** The upper half of the bits of infinity. That of NaN is as large or larger. */
const nonFinite = 0x7f80;

/**
 * The positions of the `keep` entries of largest magnitude, ascending.
 *
 * There are always exactly `keep` of them: among equal magnitudes, zeros included, the lowest positions are kept. It takes
 * O(n) time in three passes; beside the result it needs 384 KiB, whatever the tensor's size.
 *
 * @throws {RangeError} `keep` is not an integer from 0 to `values.length`.
 * @throws {NonFiniteError} `values` holds NaN or an infinity.
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
  /** Magnitude bits of the `keep`-th largest entry. */
  magnitude: number;
  /** How many entries of exactly this magnitude are kept. */
  ties: number;
}

/** Finds the threshold by radix selection: a histogram over the upper 15 magnitude bits finds the bin, a second one the lower 16 bits within it. */
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

/** The bin that holds the entry of this rank (1 is the largest), and the entry's rank within it. Rank 0 lies in the top bin. */
function binOfRank(histogram: Uint32Array, rank: number): { bin: number; rank: number } {
  let bin = histogram.length - 1;
  while (histogram[bin] < rank) rank -= histogram[bin--];
  return { bin, rank };
}

/** A tensor with `support.length` positions kept and +0 everywhere else. */
export interface Projection {
  /** Same length as what was projected, never the same buffer. */
  projected: Float32Array;
  /** The kept positions, ascending. A kept position may hold a zero. */
  support: Uint32Array;
}

/** Thrown where a tensor to be projected holds NaN or an infinity: it has no nearest sparse tensor, training has diverged. */
export class NonFiniteError extends RangeError {
  override readonly name = 'NonFiniteError';

  constructor(
    /** Position in the flattened tensor. */
    readonly index: number,
    readonly value: number,
  ) {
    super(`${value} at position ${index}: only finite values can be projected`);
  }
}

/** Bits of a float32 without its sign: as an integer they order finite values as their magnitudes do. */
const magnitudeMask = 0x7fffffff;
/** The upper half of the bits of infinity; NaN lies above it. */
const nonFinite = 0x7f80;

/**
 * The Z-subproblem (Zhang et al. 2018): Euclidean projection of `values` onto S = {at most `keep` non-zeros}. The `keep`
 * entries of largest magnitude stay, all others become zero.
 *
 * @throws {RangeError} `keep` is not an integer from 0 to `values.length`.
 * @throws {NonFiniteError} `values` holds NaN or an infinity.
 */
export function project(values: Float32Array, keep: number): Projection {
  const support = select(values, keep);
  const projected = new Float32Array(values.length);
  for (const position of support) projected[position] = values[position];
  return { projected, support };
}

/**
 * The positions that the projection of `values` keeps, ascending.
 *
 * Always exactly `keep` of them: among equal magnitudes, zeros included, the lowest positions are kept.
 * O(n) time in three passes; beside the result it needs 384 KiB whatever the tensor's size.
 *
 * @throws {RangeError} `keep` is not an integer from 0 to `values.length`.
 * @throws {NonFiniteError} `values` holds NaN or an infinity.
 */
export function select(values: Float32Array, keep: number): Uint32Array {
  if (!Number.isInteger(keep) || keep < 0 || keep > values.length) {
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

/** Radix selection: a histogram over the upper 15 magnitude bits finds the bin, a second one the lower 16 bits within it. */
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

/** The bin that holds the entry of this rank (1 = largest), and the entry's rank within it. Rank 0 lies in the top bin. */
function binOfRank(histogram: Uint32Array, rank: number): { bin: number; rank: number } {
  let bin = histogram.length - 1;
  while (histogram[bin] < rank) rank -= histogram[bin--];
  return { bin, rank };
}

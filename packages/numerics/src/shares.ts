/** Divides `count` items into `hands` contiguous shares whose sizes differ by at most one. */
export function evenShares(count: number, hands: number): { first: number; count: number }[] {
  return Array.from({ length: hands }, (_, hand) => {
    const first = Math.floor((hand * count) / hands);
    return { first, count: Math.floor(((hand + 1) * count) / hands) - first };
  });
}

/** Returns the places of contiguous shares of these sizes. */
export function consecutiveShares(counts: readonly number[]): { first: number; count: number }[] {
  let next = 0;
  return counts.map((count) => {
    const first = next;
    next += count;
    return { first, count };
  });
}

/** The elements from, ..., to - 1 of a vector. */
export interface Slice {
  from: number;
  to: number;
}

/**
 * Returns the slice of a vector that each trainer of a lease owns, in the trainers' order. Every slice begins at an
 * even index, so that the two bfloat16 values that share a 32-bit word belong to the same slice.
 */
export function slicesOf(length: number, trainers: number): Slice[] {
  return evenShares(Math.ceil(length / 2), trainers).map(({ first, count }) => ({
    from: 2 * first,
    to: Math.min(length, 2 * (first + count)),
  }));
}

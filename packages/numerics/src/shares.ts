/** Deals `count` things to `hands` in contiguous shares whose sizes differ by one at most. */
export function evenShares(count: number, hands: number): { first: number; count: number }[] {
  return Array.from({ length: hands }, (_, hand) => {
    const first = Math.floor((hand * count) / hands);
    return { first, count: Math.floor(((hand + 1) * count) / hands) - first };
  });
}

/** The elements from, ..., to - 1 of a vector. */
export interface Slice {
  from: number;
  to: number;
}

/** The slices of a vector that the trainers of a lease own, in their order. They begin at even elements, so that two of bfloat16 are never parted. */
export function slicesOf(length: number, trainers: number): Slice[] {
  return evenShares(Math.ceil(length / 2), trainers).map(({ first, count }) => ({
    from: 2 * first,
    to: Math.min(length, 2 * (first + count)),
  }));
}

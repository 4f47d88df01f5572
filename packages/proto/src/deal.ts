/** Deals `count` things to `hands` in contiguous shares whose sizes differ by one at most. */
export function deal(count: number, hands: number): { first: number; count: number }[] {
  return Array.from({ length: hands }, (_, hand) => {
    const first = Math.floor((hand * count) / hands);
    return { first, count: Math.floor(((hand + 1) * count) / hands) - first };
  });
}

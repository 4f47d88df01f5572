/**
 * Figures of several rounds, in each of which every contender had its turn: what disturbs the machine for longer than a
 * turn disturbs all of them, so ratios hold where the figures themselves do not.
 */
export class Rounds<Name extends string> {
  constructor(private readonly figures: ReadonlyMap<Name, readonly number[]>) {}

  median(name: Name): number {
    return median(this.of(name));
  }

  /** The median of each round's own ratio of `name` to `other`. */
  ratio(name: Name, other: Name): number {
    const others = this.of(other);
    return median(this.of(name).map((figure, round) => figure / others[round]));
  }

  private of(name: Name): readonly number[] {
    return this.figures.get(name) as readonly number[];
  }
}

/** Lets the contenders measure one after another, `count` times. Every second round uses the reverse order. */
export async function inTurns<Name extends string>(
  count: number,
  contenders: ReadonlyMap<Name, () => number | Promise<number>>,
): Promise<Rounds<Name>> {
  const figures = new Map([...contenders.keys()].map((name) => [name, [] as number[]]));
  for (let round = 0; round < count; round++) {
    const order = [...contenders];
    if (round % 2 === 1) order.reverse();
    for (const [name, measure] of order) figures.get(name)?.push(await measure());
  }
  return new Rounds(figures);
}

/** Returns the median: for an even number of values, the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/** The mean and deviation of values of one kind, such as a cell's accuracies over its seeds. */
export interface Spread {
  n: number;
  mean: number;
  /** The sample standard deviation (divisor n - 1); absent if there is only one value. */
  deviation?: number;
}

/** Returns the spread of the values, or undefined if there are none. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { n, mean, deviation: Math.sqrt(squares / (n - 1)) };
}

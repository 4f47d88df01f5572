import type { Fault } from './faults.js';

/** Amounts of a fault that may be made smaller. */
const amounts = ['lasts', 'after', 'room', 'by'] as const;

/**
 * Returns a part of the faults, some of them smaller, that still breaks the promise, and of which nothing can be left out
 * (delta debugging: Zeller and Hildebrandt, IEEE TSE 2002).
 * @param isBroken whether a promise is broken when these faults happen
 */
export async function minimise(
  faults: readonly Fault[],
  isBroken: (faults: readonly Fault[]) => Promise<boolean>,
): Promise<readonly Fault[]> {
  for (const smaller of smallerThan(faults)) if (await isBroken(smaller)) return minimise(smaller, isBroken);
  return faults;
}

/** Yields the faults without one of them, and then with one that is half as large. */
function* smallerThan(faults: readonly Fault[]): Generator<readonly Fault[]> {
  for (const i of faults.keys()) yield faults.filter((_, j) => j !== i);
  for (const [i, fault] of faults.entries()) {
    for (const amount of amounts) {
      const value = (fault as Partial<Record<typeof amount, number>>)[amount];
      const half = Math.trunc((value ?? 0) / 2);
      if (value !== undefined && half !== value) yield faults.with(i, { ...fault, [amount]: half });
    }
  }
}

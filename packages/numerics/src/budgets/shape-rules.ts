import { sizeOf } from '../shape.js';

/** A layer with the shape of its weights; see `BudgetLayer`. */
interface Shaped {
  shape: readonly number[];
}

/** Keeps the same share of every layer. Returns whole numbers whose sum is exactly `total`. */
export function uniform(layers: readonly Shaped[], total: number): number[] {
  return apportion(layers.map(size), layers.map(size), total);
}

/**
 * Erdős–Rényi-kernel (Evci et al., "Rigging the Lottery", ICML 2020, after Mocanu et al., Nature Communications 2018).
 * A layer's density is proportional to the sum of its extents divided by their product, so narrow layers keep a larger
 * share. A layer whose density would exceed 1 stays dense, and the other layers share the rest. Returns whole numbers
 * whose sum is exactly `total`.
 */
export function erdosRenyiKernel(layers: readonly Shaped[], total: number): number[] {
  return apportion(
    layers.map(({ shape }) => shape.reduce((sum, extent) => sum + extent, 0)),
    layers.map(size),
    total,
  );
}

/**
 * Divides `total` in proportion to `claims`, so that no share exceeds its limit. What exceeds a limit is divided among
 * the other shares. Fractions are rounded by the largest-remainder method; of two equal remainders, the earlier one is
 * rounded up. `total` is at most the sum of the limits.
 */
export function apportion(claims: readonly number[], limits: readonly number[], total: number): number[] {
  const shares = claims.map(() => 0);
  const full = new Set<number>();
  for (;;) {
    const open = claims.map((_, i) => i).filter((i) => !full.has(i));
    const left = total - [...full].reduce((sum, i) => sum + limits[i], 0);
    const claimed = open.reduce((sum, i) => sum + claims[i], 0);
    for (const i of open) shares[i] = (left * claims[i]) / claimed;
    const over = open.filter((i) => shares[i] > limits[i]);
    if (over.length === 0) break;
    for (const i of over) {
      full.add(i);
      shares[i] = limits[i];
    }
  }
  const whole = shares.map(Math.floor);
  const missing = total - whole.reduce((sum, share) => sum + share, 0);
  const byRemainder = shares
    .map((share, i) => ({ i, remainder: share - whole[i] }))
    .filter(({ i }) => whole[i] < limits[i])
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  for (const { i } of byRemainder.slice(0, missing)) whole[i] += 1;
  return whole;
}

const size = ({ shape }: Shaped): number => sizeOf(shape);

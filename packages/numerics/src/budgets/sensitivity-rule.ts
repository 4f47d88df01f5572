import { sizeOf } from '../shape.js';
import { apportion } from './shape-rules.js';

/** What pruning a layer alone, without retraining, does to a network. */
export interface SensitivityPoint {
  /** The number of the layer's weights that were kept. */
  kept: number;
  /** The increase of the loss over that of the dense network, in nats an example. It may be negative. */
  damage: number;
}

/** The least increase from one measured point to the next, in nats, which makes damage a strictly monotone function. */
const LEAST = 1e-6;

/** Steps of the bisection, after which the damage is known as precisely as its floating-point number. */
const STEPS = 60;

/**
 * Keeps as few weights of each layer as do the same damage when the layer alone is pruned (the sensitivity analysis of
 * Han et al., NeurIPS 2015, with one threshold for all layers). Between two measurements, the damage is taken for a linear
 * function of the logarithm of the weights kept. No layer keeps fewer than at its last measurement unless all layers
 * would together keep more than `total`; then all keep the same share of that. Returns whole numbers whose sum is
 * exactly `total`.
 * @param pointsOf the measurements of a layer, at least one
 */
export function byEqualDamage(
  layers: readonly { name: string; shape: readonly number[] }[],
  total: number,
  pointsOf: (layer: string) => readonly SensitivityPoint[],
): number[] {
  const sizes = layers.map(({ shape }) => sizeOf(shape));
  const curves = layers.map(({ name }, i) => curveOf(sizes[i], pointsOf(name)));
  const keptAt = (damage: number) => curves.map((curve) => keptBy(curve, damage));
  const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
  let [low, high] = [0, Math.max(0, ...curves.map((curve) => curve.at(-1)?.damage ?? 0))];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (sum(keptAt(middle)) > total) low = middle;
    else high = middle;
  }
  return apportion(keptAt(high), sizes, total);
}

/** Returns the points from the dense layer to the fewest weights, with strictly increasing damage. */
function curveOf(size: number, points: readonly SensitivityPoint[]): SensitivityPoint[] {
  const curve: SensitivityPoint[] = [{ kept: size, damage: 0 }];
  const usable = points.filter(({ kept }) => kept < size && kept > 0).sort((a, b) => b.kept - a.kept);
  for (const { kept, damage } of usable) {
    const last = curve[curve.length - 1];
    if (kept < last.kept) curve.push({ kept, damage: Math.max(damage, last.damage + LEAST) });
  }
  return curve;
}

/** Returns the number of weights, not a whole one, at which the curve reaches this damage. */
function keptBy(curve: readonly SensitivityPoint[], damage: number): number {
  const next = curve.findIndex((point) => point.damage > damage);
  if (next < 0) return curve[curve.length - 1].kept;
  const [more, fewer] = [curve[next - 1], curve[next]];
  const share = (damage - more.damage) / (fewer.damage - more.damage);
  return more.kept * (fewer.kept / more.kept) ** share;
}

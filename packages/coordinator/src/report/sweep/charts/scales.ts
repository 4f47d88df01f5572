import { axis, padded, spaced } from './figure.js';

/** Returns the position of a compression ratio on a logarithmic axis. */
export const sparsity = Math.log10;

export function sparsityAxis(ratios: readonly number[]): object {
  const range = padded(ratios.map(sparsity), 0.06, 0.1);
  const ticks = [1, 2, 3, 5].flatMap((digit) => [1, 10, 100, 1000, 10_000].map((power) => sparsity(digit * power)));
  return axis({
    title: 'compression ratio',
    range,
    ticks: spaced(
      ticks.sort((a, b) => a - b),
      range,
      0.06,
    ),
    label: (tick) => `${Math.round(10 ** tick)}x`,
  });
}

/** The smallest share of wrong answers that the test sets used here can resolve. */
const LEAST_ERROR = 1e-4;

/**
 * Returns the position of an accuracy on an axis that is logarithmic in the share of wrong answers: 99.4 % and 99.2 %
 * are far apart, 20 % and 21 % are not.
 */
export const accuracy = (share: number): number => -Math.log10(Math.max(1 - share, LEAST_ERROR));

const accuracyTicks = [
  ...[0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.96, 0.97, 0.98, 0.985],
  ...[0.988, 0.99, 0.991, 0.992, 0.993, 0.994, 0.995, 0.996, 0.997, 0.998, 0.999],
];

export function accuracyAxis(title: string, shares: readonly number[]): object {
  const range = padded(shares.map(accuracy), 0.08, 0.02);
  return axis({
    title,
    range,
    ticks: spaced(accuracyTicks.map(accuracy), range, 0.055),
    label: (tick) => `${Number((100 * (1 - 10 ** -tick)).toFixed(2))} %`,
    gap: 58,
  });
}

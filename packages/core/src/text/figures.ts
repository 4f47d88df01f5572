/** Returns a whole number with thousands separators: `6,050`. */
export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

/**
 * Returns a share as a percentage with two decimals, as used for accuracies: `99.36 %`; `-` if the share is not finite.
 */
export const percent = (share: number): string => (Number.isFinite(share) ? `${(share * 100).toFixed(2)} %` : '-');

/**
 * Returns a share as a percentage with two significant digits, as the paper gives the share of weights kept: `20 %`,
 * `1.4 %`, `0.9 %`.
 */
export const roughPercent = (share: number): string =>
  Number.isFinite(share) ? `${Number((share * 100).toPrecision(2))} %` : '-';

/**
 * Returns progress as a whole percentage that is `100 %` only when everything is done. The small term compensates for
 * rounding errors, as in 0.29 * 100.
 */
export const wholePercent = (share: number): string => `${Math.floor(share * 100 + 1e-9)} %`;

/** Returns the compression ratio: `71.2x`; `-` if no weight is kept. */
export const ratio = (weights: number, kept: number): string => (kept > 0 ? `${(weights / kept).toFixed(1)}x` : '-');

/** Returns a duration as `4 s`, `2:05` (minutes) or `1:02:05` (hours). */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Returns a count with its noun: `1 epoch`, `6 epochs`. */
export const counted = (count: number, what: string): string => `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;

/** Returns a large number with three digits: `4.09 G`, `115 M`, `480 k`. */
export function brief(value: number): string {
  const [unit, size] = thousands.find(([, least]) => value >= least) ?? [];
  return size === undefined ? grouped(value) : `${Number((value / size).toPrecision(3))} ${unit}`;
}

const thousands = [
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
] as const;

/** Formats a number with three significant digits: `0.0231`, `2.3`, `1.2e-7`. */
export const significant = (value: number): string => String(Number(value.toPrecision(3)));

import { closest, distance } from 'fastest-levenshtein';

/** The most allowed names that are listed: a large network has hundreds of layers. */
const MOST_LISTED = 24;

/**
 * Returns a hint for a name that is not allowed: `did you mean "conv1"? Allowed: conv1, conv2` if an allowed name is
 * similar, otherwise `allowed: conv1, conv2`.
 */
export function suggest(found: string, allowed: readonly string[]): string {
  const near = nearest(found, allowed);
  const more = allowed.length > MOST_LISTED ? ` and ${allowed.length - MOST_LISTED} more` : '';
  const list = `${allowed.slice(0, MOST_LISTED).join(', ')}${more}`;
  return near === undefined ? `allowed: ${list}` : `did you mean "${near}"? Allowed: ${list}`;
}

/** Returns the allowed name that `found` most probably misspells, or undefined if none is similar enough. */
export function nearest(found: string, allowed: readonly string[]): string | undefined {
  if (allowed.length === 0) return undefined;
  const near = closest(found, allowed);
  const exceptForCase = near.toLowerCase() === found.toLowerCase();
  // Two swapped letters count as two edits. A name of which every letter would change is not similar.
  const close = distance(found, near) <= Math.min(Math.max(2, near.length / 3), near.length - 1);
  return exceptForCase || close ? near : undefined;
}

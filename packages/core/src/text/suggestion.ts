import { closest, distance } from 'fastest-levenshtein';

/**
 * Returns a hint for a name that is not allowed: `did you mean "conv1"? Allowed: conv1, conv2` if an allowed name is
 * similar, otherwise `allowed: conv1, conv2`.
 */
export function suggest(found: string, allowed: readonly string[]): string {
  const near = nearest(found, allowed);
  return near === undefined
    ? `allowed: ${allowed.join(', ')}`
    : `did you mean "${near}"? Allowed: ${allowed.join(', ')}`;
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

import { closest, distance } from 'fastest-levenshtein';

/**
 * What to say about a name that is not among the allowed ones: `did you mean "conv1"? Allowed: conv1, conv2` if one of
 * them is near, else `allowed: conv1, conv2`.
 */
export function suggest(found: string, allowed: readonly string[]): string {
  const near = nearest(found, allowed);
  return near === undefined
    ? `allowed: ${allowed.join(', ')}`
    : `did you mean "${near}"? Allowed: ${allowed.join(', ')}`;
}

/** The allowed name that `found` is most probably a misspelling of, or undefined if none is near enough. */
export function nearest(found: string, allowed: readonly string[]): string | undefined {
  if (allowed.length === 0) return undefined;
  const near = closest(found, allowed);
  const exceptForCase = near.toLowerCase() === found.toLowerCase();
  // Two swapped letters are two edits; a name made up of nothing but edits is another name.
  const close = distance(found, near) <= Math.min(Math.max(2, near.length / 3), near.length - 1);
  return exceptForCase || close ? near : undefined;
}

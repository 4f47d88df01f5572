/** Whether the text is a pattern rather than a name. */
export const isPattern = (text: string): boolean => /[*?]/.test(text);

/**
 * Whether a layer's name fits a name or a pattern, in which `*` stands for any number of characters, dots included, and
 * `?` for one character.
 */
export function fits(name: string, pattern: string): boolean {
  let [at, of] = [0, 0];
  // The latest star, and the position up to which it stands for characters.
  let star: { of: number; at: number } | undefined;
  while (at < name.length) {
    if (pattern[of] === '*') {
      star = { of: of++, at };
    } else if (of < pattern.length && (pattern[of] === '?' || pattern[of] === name[at])) {
      of++;
      at++;
    } else if (star) {
      // The star takes one character more. Earlier stars need not change, for the latest one can take all that they could.
      at = ++star.at;
      of = star.of + 1;
    } else {
      return false;
    }
  }
  while (pattern[of] === '*') of++;
  return of === pattern.length;
}

import { createHash } from 'node:crypto';

/** The end of a sealed text: the SHA-256, in hex, of the text without this key. */
const seal = /,\n {2}"sha256": "([0-9a-f]{64})"\n\}\n$/;
const END = '\n}\n';

/** Returns the text of an indented JSON object with a last key `sha256`, the hash of the text without this key. */
export const sealText = (text: string): string => `${text.slice(0, -END.length)},\n  "sha256": "${hashOf(text)}"${END}`;

/**
 * Returns the text without its seal.
 * @returns `intact` is undefined if the text has no seal
 */
export function unsealText(sealed: string): { text: string; intact: boolean | undefined } {
  const found = seal.exec(sealed);
  if (!found) return { text: sealed, intact: undefined };
  const text = `${sealed.slice(0, found.index)}${END}`;
  return { text, intact: hashOf(text) === found[1] };
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

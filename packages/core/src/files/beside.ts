import { dirname, isAbsolute, join, normalize, sep } from 'node:path';

/**
 * Returns the path of another file that a file names, seen from its folder. It is undefined if the name leads to the folder
 * itself or out of it: a file from a stranger must not make us read others.
 */
export function beside(file: string, name: string): string | undefined {
  const plain = normalize(name);
  if (plain === '.' || isAbsolute(plain) || plain.split(sep).includes('..')) return undefined;
  return join(dirname(file), plain);
}

/** The most archives that braces may name, beyond which a typing error is likelier. */
const MOST = 100_000;

/**
 * Returns the paths that a path with numbers in braces means, as WebDataset's users write it: `train-{000..146}.tar` is
 * train-000.tar and so on.
 */
export function expandBraces(path: string): string[] {
  const match = /\{(\d+)\.\.(\d+)\}/.exec(path);
  if (!match) return [path];
  const [braces, from, to] = match;
  const count = Number(to) - Number(from) + 1;
  if (count < 1 || count > MOST) return [path];
  return Array.from({ length: count }, (_, i) =>
    path.replace(braces, String(Number(from) + i).padStart(from.length, '0')),
  ).flatMap(expandBraces);
}

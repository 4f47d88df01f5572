import type { Host } from '@prunegrid/core/runtime';

/**
 * Gives a damaged file a name under which nothing reads or replaces it, so that it can still be looked at.
 * @returns the new path: `FILE.damaged`, or `FILE.damaged-2` and so on if that is taken
 */
export async function setAside({ files }: Pick<Host, 'files'>, file: string): Promise<string> {
  let place = `${file}.damaged`;
  for (let number = 2; await files.status(place, { followLinks: false }); number++) place = `${file}.damaged-${number}`;
  await files.rename(file, place);
  return place;
}

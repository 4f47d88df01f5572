import { isAbsolute, join, resolve } from 'node:path';

/**
 * The folder in which things are kept that can be computed or fetched again: PRUNEGRID_CACHE, or else `prunegrid` in XDG_CACHE_HOME, or else
 * ~/.cache/prunegrid.
 * @param env the process's environment
 * @param home the user's home folder
 */
export function cacheFolder(env: Readonly<Partial<Record<string, string>>>, home: string): string {
  if (env['PRUNEGRID_CACHE']) return resolve(env['PRUNEGRID_CACHE']);
  const xdg = env['XDG_CACHE_HOME'];
  // The XDG specification has relative paths ignored.
  return join(xdg && isAbsolute(xdg) ? xdg : join(home, '.cache'), 'prunegrid');
}

import { isAbsolute, join, resolve } from 'node:path';

/**
 * Returns the folder for files that can be computed or downloaded again: PRUNEGRID_CACHE if it is set, otherwise
 * `prunegrid` in XDG_CACHE_HOME if that is set, otherwise ~/.cache/prunegrid.
 * @param env the process's environment
 * @param home the user's home folder
 */
export function cacheFolder(env: Readonly<Partial<Record<string, string>>>, home: string): string {
  if (env['PRUNEGRID_CACHE']) return resolve(env['PRUNEGRID_CACHE']);
  const xdg = env['XDG_CACHE_HOME'];
  // The XDG Base Directory Specification says that relative paths must be ignored.
  return join(xdg && isAbsolute(xdg) ? xdg : join(home, '.cache'), 'prunegrid');
}

import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/** PRUNEGRID_CACHE, or else `prunegrid` in XDG_CACHE_HOME, or else ~/.cache/prunegrid. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env, home: string = homedir()): string {
  if (env.PRUNEGRID_CACHE) return resolve(env.PRUNEGRID_CACHE);
  // The XDG specification has relative paths ignored.
  const caches = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(home, '.cache');
  return join(caches, 'prunegrid');
}

import { homedir } from 'node:os';
import { join } from 'node:path';

/** prunegrid's folder for what is costly to make and can always be made anew; shared by every checkout of the user. */
export function cacheFolder() {
  const { PRUNEGRID_CACHE, XDG_CACHE_HOME } = process.env;
  return PRUNEGRID_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'prunegrid');
}

import { createRequire } from 'node:module';

/** prunegrid's own version. */
export const version = (createRequire(import.meta.url)('../package.json') as { version: string }).version;

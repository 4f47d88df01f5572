import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { Failure } from '../failure.js';
import { nodeFiles } from './files.js';

/**
 * Returns the path of `file` in `folder`, which `make` fills if it is not there. The folder gets its name only when it
 * is complete, so that processes may do this at the same time.
 * @throws {Failure} `environment` if the folder cannot be written
 */
export async function provideFile(
  folder: string,
  file: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const path = join(folder, file);
  if (existsSync(path)) return path;
  let partial: string | undefined;
  try {
    await nodeFiles.makeFolder(dirname(folder));
    partial = await mkdtemp(`${folder}.partial-`);
    await make(partial);
    // Another process may have been faster.
    await rename(partial, folder).catch((error: unknown) => {
      if (!existsSync(path)) throw error;
    });
    return path;
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new Failure(
      'environment',
      `Cannot write the cache folder ${dirname(folder)} (${code}): make it writable for you, or name another folder in PRUNEGRID_CACHE.`,
      { cause: error },
    );
  } finally {
    if (partial) await rm(partial, { recursive: true, force: true });
  }
}

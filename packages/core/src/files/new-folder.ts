import { join } from 'node:path';

import { Failure } from '../failure.js';
import type { Host } from '../runtime/index.js';

/**
 * The largest number of folders with the same base name, such as runs that start in the same second. More are a fault.
 */
const MOST = 10_000;

/**
 * Makes a new folder for a run or a sweep for which the user named none: `parent/name`, or `parent/name-2`,
 * `parent/name-3` and so on if that name is taken. Two processes that ask for the same name at the same time get two
 * different folders.
 * @returns the folder's path, which begins with `parent`
 * @throws {Failure} `environment` if no folder can be made there
 */
export async function claimNewFolder({ files }: Pick<Host, 'files'>, parent: string, name: string): Promise<string> {
  try {
    await files.makeFolder(parent);
    for (let number = 1; number <= MOST; number++) {
      const folder = join(parent, number === 1 ? name : `${name}-${number}`);
      if (await claimed(files, folder)) return folder;
    }
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Failure('environment', `${join(parent, name)} cannot be made: ${reason}; name another with --out`, {
      cause,
    });
  }
  throw new Failure('environment', `${join(parent, name)} is there ${MOST} times; name another with --out`);
}

/** Returns false if a file or folder of that name exists. */
async function claimed(files: Host['files'], folder: string): Promise<boolean> {
  try {
    await files.claimFolder(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

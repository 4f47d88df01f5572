import { join } from 'node:path';

import { Failure } from '../failure.js';
import type { Host } from '../runtime/index.js';

/** Folders of one name, such as runs that begin in the same second; more than these are a fault. */
const MOST = 10_000;

/**
 * Makes a new folder for a run or a sweep that was given none: `parent/name`, or `parent/name-2`, `parent/name-3` and so on if that is
 * taken. Two processes that ask for the same name at the same moment get two folders.
 * @returns the folder's path, which begins with `parent`
 * @throws {Failure} environment: no folder can be made there.
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

/** False if there is anything of that name. */
async function claimed(files: Host['files'], folder: string): Promise<boolean> {
  try {
    await files.claimFolder(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

import { Failure } from '@prunegrid/core/failure';
import { removeUnused } from '@prunegrid/core/node/mapped-files';

/**
 * Removes a folder of libraries.
 * @param what what users call it
 * @throws {Failure} `environment` if a process has loaded one of them, and then nothing is removed, or if it cannot be
 *   removed
 */
export async function removeLibraries(what: string, folder: string): Promise<void> {
  let users: number[];
  try {
    users = await removeUnused(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure('environment', `Cannot remove ${folder} (${code}): make it writable for you.`, { cause: error });
  }
  if (users.length === 0) return;
  const [processes, their] = users.length === 1 ? ['process', 'its'] : ['processes', 'their'];
  throw new Failure(
    'environment',
    `${what} is in use by ${processes} ${users.join(', ')}: wait for ${their} end, or end the run first`,
  );
}

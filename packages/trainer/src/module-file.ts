import { Failure } from '@prunegrid/core/failure';
import { pathToFileURL } from 'node:url';

/**
 * Returns the default export of an ES module that an experiment names.
 * @param sha256 the hash of its content. Node keeps what it has loaded by its address, and the file may have changed.
 * @throws {Failure} `input`, one line that names the file, if the module cannot be loaded
 */
export async function defaultExport(path: string, sha256: string): Promise<unknown> {
  try {
    return ((await import(`${pathToFileURL(path).href}?sha256=${sha256}`)) as { default?: unknown }).default;
  } catch (cause) {
    throw new Failure('input', `${path}: cannot be loaded: ${firstLine(cause)}`, { cause });
  }
}

/** Returns what an error of a module's code says, in one line. */
export const firstLine = (error: unknown): string =>
  (error instanceof Failure ? error.message : String(error)).split('\n')[0].trimEnd();

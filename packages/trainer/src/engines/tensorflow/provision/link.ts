import { mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { napiVersion } from './build.js';

/**
 * Replaces the folder in which TensorFlow.js looks for its binding, `lib/napi-v8` of its package, by a link to
 * `bindingFolder`. Node resolves the link, so the binding finds the libraries relative to its real path.
 * @throws {Failure} `environment` if the package's folder has no such link yet and cannot be written
 */
export async function linkBinding(tfjsNodeFolder: string, bindingFolder: string): Promise<void> {
  const lib = join(tfjsNodeFolder, 'lib');
  const link = join(lib, `napi-v${napiVersion}`);
  if ((await readlink(link).catch(() => undefined)) === bindingFolder) return;

  const fresh = join(lib, `.napi-v${napiVersion}.${process.pid}`);
  try {
    await mkdir(lib, { recursive: true });
    await rm(fresh, { force: true });
    await symlink(bindingFolder, fresh);
    await rename(fresh, link).catch(async () => {
      // The path is a real folder, such as the one with the stock package's own binding.
      await rm(link, { recursive: true, force: true });
      await rename(fresh, link);
    });
  } catch (error) {
    throw new Failure(
      'environment',
      `Cannot write ${lib} (${(error as NodeJS.ErrnoException).code}), where TensorFlow.js looks for its binding: make node_modules writable for you.`,
      { cause: error },
    );
  }
}

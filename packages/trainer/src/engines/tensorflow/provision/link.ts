import { mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { napiVersion } from './build.js';

/**
 * Makes the folder where TensorFlow.js looks for its binding, `lib/napi-v8` of its package, a link to `bindingFolder`.
 * Node resolves the link, so the binding finds the libraries beside its real place.
 * @throws {Failure} `environment` when the package's folder cannot be written and has no such link yet.
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
      // A real folder is in the way, such as the stock package's own binding.
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

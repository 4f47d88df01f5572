import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from '../setup/root.mjs';

/** @typedef {{ dependencies?: Record<string, string>, optionalDependencies?: Record<string, string>, link?: boolean, resolved?: string }} Locked */

/** What ships of the workspace: the command, and what it imports. */
const program = 'packages/cli';

/**
 * Returns the folders, seen from the root, of all packages that the command needs: those of the workspace, and those of
 * npm that are installed for this platform.
 * @returns {Promise<{ workspace: string[], installed: string[] }>}
 */
export async function shippedPackages() {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  /** @type {Record<string, Locked>} */
  const packages = lock.packages;
  /** @type {Set<string>} */
  const found = new Set();
  const queue = [program];
  for (let folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
    if (found.has(folder)) continue;
    found.add(folder);
    const { dependencies, optionalDependencies } = packages[folder];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = resolvedIn(packages, folder, name);
      // Packages for other platforms are optional and rightly absent.
      if (path !== undefined && existsSync(join(root, path))) queue.push(path);
    }
  }
  const all = [...found].sort();
  return {
    workspace: all.filter((folder) => folder.startsWith('packages/') && !folder.includes('/node_modules/')),
    installed: all.filter((folder) => folder.includes('node_modules/')),
  };
}

/**
 * Finds a package as Node does: in the nearest node_modules upwards. Those of the workspace are links.
 * @param {Record<string, Locked>} packages
 * @param {string} folder
 * @param {string} name
 * @returns {string | undefined}
 */
function resolvedIn(packages, folder, name) {
  for (let at = folder; ; at = at === '.' ? '' : dirname(at)) {
    const path = at === '' || at === '.' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    const there = packages[path];
    if (there) return there.link ? there.resolved : path;
    if (at === '' || at === '.') return undefined;
  }
}

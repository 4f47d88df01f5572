import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SetupFailure } from './failure.mjs';
import { root } from './root.mjs';
import { run } from './run.mjs';

/**
 * What a lockfile says of each package, by its folder.
 * @typedef {Record<string, { version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }>} Packages
 */

/**
 * Whether node_modules holds what package-lock.json names. Compares the lockfile with npm's own record of what it installed, so a
 * developer's `npm install` counts as well. Packages for other platforms are optional and rightly absent.
 * @returns {Promise<boolean>}
 */
export async function dependenciesInstalled() {
  const [locked, installed] = await Promise.all([
    readPackages(join(root, 'package-lock.json')),
    readPackages(join(root, 'node_modules/.package-lock.json')).catch(() => /** @type {Packages} */ ({})),
  ]);
  return Object.entries(locked)
    .filter(([path]) => path.includes('node_modules/'))
    .every(([path, wanted]) => {
      const found = installed[path];
      if (!found) return wanted.optional || wanted.devOptional;
      return found.version === wanted.version && found.integrity === wanted.integrity;
    });
}

/**
 * Installs the locked dependencies by `npm ci`.
 * @param {import('./progress.mjs').Progress} progress
 * @param {AbortSignal} signal
 * @throws {SetupFailure} with npm's own reason
 */
export async function installDependencies(progress, signal) {
  progress.start('dependencies', 'npm installs them');
  // npm's record goes first: an interrupted npm ci could leave it beside half of the packages.
  await rm(join(root, 'node_modules/.package-lock.json'), { force: true });
  const { code, output } = await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], signal);
  if (code !== 0) {
    const lines = [...output.matchAll(/^npm (?:error|ERR!) (.*\S)/gm)].map(([, line = '']) => line);
    const reason =
      lines.find((line) => !/^(code|syscall|errno|path|dest|stack) /.test(line)) ?? lines[0] ?? `exit code ${code}`;
    throw new SetupFailure(`npm could not install the dependencies: ${reason} (to see all: npm ci --ignore-scripts)`);
  }
  progress.done('installed from package-lock.json');
}

/**
 * @param {string} lockfile
 * @returns {Promise<Packages>}
 */
async function readPackages(lockfile) {
  return JSON.parse(await readFile(lockfile, 'utf8')).packages;
}

/**
 * @param {string[]} args
 * @param {AbortSignal} signal
 */
function npm(args, signal) {
  const running = process.env.npm_execpath;
  // Under `npm start` and `npx` the npm that is running does it, whichever npm is on the PATH.
  if (running && basename(running) === 'npm-cli.js') return run(process.execPath, [running, ...args], signal);
  return run('npm', args, signal);
}

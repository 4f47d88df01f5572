import { existsSync } from 'node:fs';
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupFailure } from './failure.mjs';
import { root } from './root.mjs';
import { run } from './run.mjs';

/** This file is there while the packages are built, and is left behind by a build that failed or was killed. */
const unfinished = join(root, 'node_modules/.prunegrid-build-unfinished');

/**
 * Whether every package was built after its sources changed last, as `tsc --build` itself decides it: by the times of the sources
 * and of the compiler's record in dist. Takes some ten milliseconds.
 * @returns {Promise<boolean>}
 */
export async function packagesBuilt() {
  if (existsSync(unfinished)) return false;
  return (await Promise.all((await packageFolders()).map(builtAfterLastChange))).every(Boolean);
}

/**
 * Compiles the packages that have changed.
 * @param {import('./progress.mjs').Progress} progress
 * @param {AbortSignal} signal
 * @throws {SetupFailure} when the build fails; the compiler's messages are on standard error
 */
export async function buildPackages(progress, signal) {
  const nx = join(root, 'node_modules/nx/dist/bin/nx.js');
  const started = Date.now();
  // If Nx has everything in its cache it takes a second: a line that comes and goes at once would only be noise.
  const notice = setTimeout(() => progress.start('build', 'compiling the packages'), 2000);
  try {
    await writeFile(unfinished, '');
    const { code, output } = await run(process.execPath, [nx, 'run-many', '-t', 'build'], signal);
    if (code !== 0) {
      progress.close();
      if (!signal.aborted) console.error(output.trim());
      throw new SetupFailure('The build failed; the reason is above (again: npm run build).');
    }
  } finally {
    clearTimeout(notice);
  }
  // Nx leaves the outputs alone if they fit the sources, whose times may be later nevertheless.
  const upToDate = new Date(started);
  await Promise.all((await packageFolders()).map((folder) => utimes(compilerRecord(folder), upToDate, upToDate)));
  await rm(unfinished);
  if (Date.now() - started > 2000) progress.done('the packages are built');
}

/** Folders of the packages that are compiled. */
async function packageFolders() {
  const names = await readdir(join(root, 'packages'));
  return names
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'tsconfig.build.json')));
}

/** @param {string} folder */
const compilerRecord = (folder) => join(folder, 'dist/.tsbuildinfo');

/** @param {string} folder */
async function builtAfterLastChange(folder) {
  const built = (await stat(compilerRecord(folder)).catch(() => undefined))?.mtimeMs;
  if (built === undefined) return false;
  const sources = (await readdir(join(folder, 'src'), { recursive: true })).filter(
    (name) => name.endsWith('.ts') && !/[.](test|fixture)[.]ts$/.test(name),
  );
  const files = ['package.json', 'tsconfig.build.json', ...sources.map((name) => join('src', name))];
  const changes = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return changes.every((changed) => changed <= built);
}

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Failure } from '@prunegrid/core/failure';
import { provideAddon as provideCompiled } from '@prunegrid/core/node/addon';
import { findPython } from '@prunegrid/core/node/build-tools';
import { type CommandEnvironment, interrupted, lastLine, run } from '@prunegrid/core/node/command';
import { noRoom, requireRoom, type Statfs } from '@prunegrid/core/node/room';
import { exclusively } from '@prunegrid/core/node/socket-lock';
import { bytesIn, diskIsFull, downloadWheel } from '@prunegrid/core/node/wheel';

import type { PluginRelease, PluginWheel } from './releases.js';

/** Called with each line for the user, and again while that goes on with the share that is done, from 0 to 1. */
type Report = (line: string, fraction?: number) => void;

/** The folder in prunegrid's cache folder of plugins, the addon and executables. */
export const PJRT_FOLDER = 'pjrt';

/**
 * Returns the path of the compiled addon, which is built once for each version of its sources.
 * @param cacheDir prunegrid's cache folder
 * @throws {Failure} `environment` if the compiler is missing or fails, and `interrupted` if the signal aborts
 */
export const provideAddon = (cacheDir: string, report: Report, environment: CommandEnvironment): Promise<string> => {
  const recipe = {
    name: PJRT_FOLDER,
    title: "XLA's plugins",
    sources: fileURLToPath(new URL('../native', import.meta.url)),
    nodeApiFolder: dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
    // Node has loaded the C++ library. A copy of it in the addon would need the newest glibc, which bundles meet elsewhere.
    options: ['-ldl'],
    shipped: fileURLToPath(new URL('../shipped', import.meta.url)),
  };
  return provideCompiled(recipe, cacheDir, report, environment);
};

/** Returns the folder of a plugin, installed or not. */
export function pluginFolder({ wheels: [{ distribution, version }] }: PluginRelease, cacheDir: string): string {
  return join(cacheDir, PJRT_FOLDER, `${distribution}-${version}`);
}

/** Returns the path of a plugin, installed or not. */
export const pluginFile = (release: PluginRelease, cacheDir: string): string =>
  join(pluginFolder(release, cacheDir), release.wheels[0].files[0]);

/** Returns the folder of an unfinished installation. Machines can share a home folder, and each has its own. */
export const unfinishedFolder = (folder: string): string => `${folder}.${hostname()}.partial`;

/** The folder, in an unfinished one, whose files are named by the hashes of the wheels that have been unpacked. */
const UNPACKED = '.unpacked';
/** How the names of folders begin in which a wheel is downloaded. */
const WHEEL = 'wheel-';

/**
 * Returns the path of a plugin. Its wheels are downloaded and unpacked once, one after the other. If that is interrupted,
 * the next call goes on with the wheel that was not complete. Several processes may call it at the same time.
 * @throws {Failure} `environment` if pip cannot download a wheel or delivers another file, or there is no room, and
 *   `interrupted` if the signal aborts
 */
export async function providePlugin(
  release: PluginRelease,
  cacheDir: string,
  report: Report,
  environment: CommandEnvironment,
  measure?: Statfs,
): Promise<string> {
  const file = pluginFile(release, cacheDir);
  if (existsSync(file)) return file;
  const folder = pluginFolder(release, cacheDir);
  const parent = dirname(folder);
  try {
    await mkdir(parent, { recursive: true });
    const name = join(await realpath(parent), folder.slice(parent.length + 1));
    const onWait = () => report(`another process is installing ${release.name}; waiting for it`);
    await exclusively(name, () => install(release, folder, report, environment, measure), onWait, environment.signal);
    return file;
  } catch (error) {
    if (environment.signal?.aborted) throw interrupted();
    if (error instanceof Failure) throw error;
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw noRoom(parent, roomNeeded(release.wheels, release), undefined, error);
    throw new Failure(
      'environment',
      `Cannot write the cache folder ${parent} (${code}): make it writable for you, or name another folder in PRUNEGRID_CACHE.`,
      { cause: error },
    );
  }
}

/** Returns the bytes that the rest of an installation needs: what is unpacked, and the largest wheel, which pip copies once. */
const roomNeeded = (wheels: readonly PluginWheel[], { wheels: all, unpackedBytes }: PluginRelease): number => {
  const sum = (some: readonly PluginWheel[]) => some.reduce((bytes, { wheelBytes }) => bytes + wheelBytes, 0);
  const share = (unpackedBytes * sum(wheels)) / sum(all);
  return Math.round(share + 2 * Math.max(0, ...wheels.map(({ wheelBytes }) => wheelBytes)) + 64 * 2 ** 20);
};

async function install(
  release: PluginRelease,
  folder: string,
  report: Report,
  environment: CommandEnvironment,
  measure?: Statfs,
): Promise<void> {
  if (existsSync(join(folder, release.wheels[0].files[0]))) return;
  const tools = await findPython(environment);
  const partial = unfinishedFolder(folder);
  const unpacked = join(partial, UNPACKED);
  await mkdir(unpacked, { recursive: true });
  // A process that was killed leaves what it was downloading.
  const leftovers = (await readdir(partial)).filter((name) => name.startsWith(WHEEL));
  await Promise.all(leftovers.map((name) => rm(join(partial, name), { recursive: true, force: true })));
  const there = await readdir(unpacked);
  const missing = release.wheels.filter(({ sha256 }) => !there.includes(sha256));
  await requireRoom(dirname(folder), roomNeeded(missing, release), measure);
  for (const wheel of missing) {
    const number = release.wheels.indexOf(wheel) + 1;
    const count = release.wheels.length === 1 ? '' : `, ${number} of ${release.wheels.length}`;
    const text = `downloading ${wheel.distribution} ${wheel.version} (${Math.round(wheel.wheelBytes / 1e6)} MB${count})`;
    const temporary = await mkdtemp(join(partial, WHEEL));
    try {
      const inside = { ...environment, env: { ...environment.env, TMPDIR: temporary, LC_ALL: 'C' } };
      const name = await downloadWheel(wheel, tools, temporary, (fraction) => report(text, fraction), inside);
      await unpack(join(temporary, name), wheel, tools.python, partial, inside);
    } finally {
      await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
    }
    await writeFile(join(unpacked, wheel.sha256), '');
  }
  await rm(unpacked, { recursive: true });
  // What is there is damaged, or another machine was faster.
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
}

/** Writes the files of a wheel that are named, with their modes, by which programs can be run. */
const unpacker = `
import os, sys, zipfile
wheel, folder, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in names:
        path = archive.extract(name, folder)
        os.chmod(path, 0o755 if archive.getinfo(name).external_attr >> 16 & 0o100 else 0o644)
`;

async function unpack(
  wheel: string,
  { distribution, files, wheelBytes }: PluginWheel,
  python: string,
  folder: string,
  environment: CommandEnvironment,
): Promise<void> {
  const unpacked = await run(python, ['-c', unpacker, wheel, folder, ...files], environment);
  if (unpacked.state === 'ended' && unpacked.status === 0) return;
  const output = unpacked.state === 'absent' ? 'it has gone' : unpacked.output;
  if (diskIsFull(output)) throw noRoom(folder, 2 * wheelBytes);
  throw new Failure('environment', `Unpacking ${distribution} with ${python} failed: ${lastLine(output)}`);
}

/** Returns the bytes that a plugin has on the disk, finished or not. */
export async function pluginBytes(release: PluginRelease, cacheDir: string): Promise<number> {
  const folder = pluginFolder(release, cacheDir);
  return (await bytesIn(folder)) + (await bytesIn(unfinishedFolder(folder)));
}

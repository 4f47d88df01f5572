import { readFile, readdir, realpath, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheFolder } from '@prunegrid/core/cache-folder';
import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { build, napiVersion, roomNeeded, type Recipe, type Report } from './build.js';
import { interrupted, type CommandEnvironment } from '@prunegrid/core/node/command';
import { entryFiles, type EntryState, inspect, publish } from './entry.js';
import { provideJpegDecoder } from './jpeg.js';
import { linkBinding } from './link.js';
import { exclusively } from '@prunegrid/core/node/socket-lock';
import { engineKey, releases, runsOnGlibc } from './release.js';
import { noRoom, requireRoom, type Statfs } from '@prunegrid/core/node/room';

export type { Progress, Report } from './build.js';

export interface ProvisionOptions {
  /**
   * The folder in which the libraries are kept for all checkouts of this user. The default is this process's
   * `cacheFolder`.
   */
  readonly cacheDir?: string;
  /** Called with the progress of the work. It is not called if there is nothing to do. */
  readonly report?: Report;
  /** Aborts the work. No incomplete entry remains. */
  readonly signal?: AbortSignal;
}

/**
 * The engine that `import '@tensorflow/tfjs-node'` will load: prunegrid's own, which was in the cache or has just been
 * built, or the stock package's binding if there is no pinned wheel for the platform.
 */
export type ProvisionedEngine =
  | {
      readonly source: 'cache' | 'built';
      readonly key: string;
      readonly folder: string;
      readonly tensorflow: string;
    }
  | { readonly source: 'stock'; readonly folder: string };

/**
 * Provides the native binding of TensorFlow.js: takes libtensorflow from a pinned wheel, compiles the binding against
 * it once for each user, and links it into this checkout's node_modules. If that has been done before, it takes
 * milliseconds. Several processes may call it at the same time.
 * @throws {Failure} `environment` if something is missing (npm packages, pip, a compiler, the network, disk space,
 *   write permission), and `interrupted` if the signal aborts
 */
export async function provisionEngine(options: ProvisionOptions = {}): Promise<ProvisionedEngine> {
  const { cacheDir, report, environment } = completed(options);
  const tfjsNode = await findPackage('@tensorflow/tfjs-node');
  const target = `${process.platform}-${process.arch}`;
  const release = releases[target];
  if (!release) return stockEngine(tfjsNode.folder, target);

  const key = engineKey(release, target, tfjsNode.version);
  const nodeApi = await findPackage('node-api-headers');
  const recipe: Recipe = { key, release, tfjsNodeFolder: tfjsNode.folder, nodeApiFolder: nodeApi.folder };
  const { folder, source } = await provideEntry(recipe, cacheDir, report, environment);
  await linkBinding(tfjsNode.folder, join(folder, dirname(entryFiles.binding)));
  return { source, key, folder, tensorflow: release.version };
}

/** Returns whether the engine is in the cache folder. The platform must be one of `releases`. */
export async function stateOfEngine(cacheDir: string): Promise<EntryState> {
  const target = `${process.platform}-${process.arch}`;
  const tfjsNode = await findPackage('@tensorflow/tfjs-node');
  return inspect(join(cacheDir, 'engine', engineKey(releases[target], target, tfjsNode.version)));
}

/**
 * Provides the engine, and returns the path of the addon that decodes JPEG files by its library, which is compiled once;
 * undefined with the stock binding. Throws the same failures as `provisionEngine`.
 */
export async function provisionJpegDecoder(options: ProvisionOptions = {}): Promise<string | undefined> {
  const engine = await provisionEngine(options);
  if (engine.source === 'stock') return undefined;
  const { cacheDir, report, environment } = completed(options);
  const nodeApi = await findPackage('node-api-headers');
  const compiling = (text: string) => report({ step: 'compile', text });
  return provideJpegDecoder(engine.folder, nodeApi.folder, cacheDir, compiling, environment);
}

const completed = ({
  cacheDir = cacheFolder(process.env, homedir()),
  report = () => undefined,
  signal,
}: ProvisionOptions) => ({ cacheDir, report, environment: { env: process.env, signal } });

/** Finds the recipe's entry in the cache or builds it there. It is separate from `provisionEngine` for its tests. */
export async function provideEntry(
  recipe: Recipe,
  cacheDir: string,
  report: Report,
  environment: CommandEnvironment,
  measure?: Statfs,
): Promise<{ folder: string; source: 'cache' | 'built' }> {
  const engines = join(cacheDir, 'engine');
  const folder = join(engines, recipe.key);
  if ((await inspect(folder)).state === 'complete') return { folder: await realpath(folder), source: 'cache' };

  if (!runsOnGlibc(recipe.release.platformTag, glibcVersion())) {
    throw new Failure(
      'environment',
      `TensorFlow's libraries need glibc 2.27 or later, and this system has ${glibcVersion() ?? 'none (musl?)'}: use a newer or another Linux.`,
    );
  }
  try {
    await nodeHost.files.makeFolder(engines);
    return await exclusively(join(await realpath(engines), recipe.key), buildOnce, onWait, environment.signal);
  } catch (error) {
    if (environment.signal?.aborted) throw interrupted();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw noRoom(engines, roomNeeded(recipe.release), undefined, error);
    if (['EACCES', 'EROFS', 'EPERM', 'ENOENT', 'ENOTDIR', 'EEXIST'].includes(code ?? '')) {
      const remedy = 'make it writable for you, or name another folder in PRUNEGRID_CACHE.';
      throw new Failure('environment', `Cannot write the cache folder ${engines} (${code}): ${remedy}`, {
        cause: error,
      });
    }
    throw error;
  }

  async function buildOnce() {
    const found = await inspect(folder);
    if (found.state === 'complete') return { folder: await realpath(folder), source: 'cache' as const };
    await removeLeftovers(engines, recipe.key);
    if (found.state === 'damaged')
      report({ step: 'verify', text: `rebuilding the damaged ${folder}: ${found.reason}` });
    await requireRoom(engines, roomNeeded(recipe.release), measure);
    const partial = join(engines, partialName(recipe.key));
    try {
      await build(recipe, partial, report, environment);
      await publish(partial, folder);
    } finally {
      await rm(partial, { recursive: true, force: true, maxRetries: 3 });
    }
    return { folder: await realpath(folder), source: 'built' as const };
  }

  function onWait() {
    report({ step: 'wait', text: 'another process is preparing the engine; waiting for it' });
  }
}

/**
 * Returns the name of the folder of an unfinished build. It contains the host name, because machines can share a home
 * folder, but a lock excludes only processes on one machine.
 */
function partialName(key: string): string {
  return `${key}.${hostname()}.${process.pid}.partial`;
}

/** The age in milliseconds at which an unfinished folder of another machine is considered abandoned. */
const abandonedAfter = 24 * 3600 * 1000;

/**
 * Removes the folders that killed processes have left. The caller holds the lock, so no folder of this machine is in
 * use.
 */
async function removeLeftovers(engines: string, key: string): Promise<void> {
  for (const name of await readdir(engines)) {
    if (!name.startsWith(`${key}.`)) continue;
    const leftover = join(engines, name);
    const ours = name.startsWith(`${key}.${hostname()}.`);
    const changed = (await stat(leftover).catch(() => undefined))?.mtimeMs;
    if (ours || (changed !== undefined && Date.now() - changed > abandonedAfter)) {
      await rm(leftover, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}

async function findPackage(name: string): Promise<{ folder: string; version: string }> {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    return { folder: dirname(manifest), version };
  } catch (error) {
    throw new Failure('environment', `The npm package ${name} is not installed: run npm ci.`, { cause: error });
  }
}

async function stockEngine(tfjsNodeFolder: string, target: string): Promise<ProvisionedEngine> {
  const folder = join(tfjsNodeFolder, 'lib', `napi-v${napiVersion}`);
  const found = await stat(join(folder, 'tfjs_binding.node')).catch(() => undefined);
  if (found) return { source: 'stock', folder };
  throw new Failure(
    'environment',
    `On ${target} the stock TensorFlow.js binding is used, and it is not installed yet: run npm rebuild @tensorflow/tfjs-node --ignore-scripts=false --foreground-scripts`,
  );
}

/** Returns the version of glibc, or undefined if the system is not Linux or has another C library, such as musl. */
function glibcVersion(): string | undefined {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime;
}

import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { lastLine, run, type CommandEnvironment } from '@prunegrid/core/node/command';
import { entryFiles, seal, sha256 } from './entry.js';
import type { Release } from './release.js';
import { noRoom } from './room.js';
import { findTools, type Tools } from '@prunegrid/core/node/build-tools';

/** The sources from which a cache entry is built. */
export interface Recipe {
  readonly key: string;
  readonly release: Release;
  /** The folder of the npm package @tensorflow/tfjs-node, which contains the source of its binding. */
  readonly tfjsNodeFolder: string;
  /** The folder of the npm package node-api-headers. */
  readonly nodeApiFolder: string;
}

/** The current step of the work. `fraction`, from 0 to 1, is set if the length of the step is known. */
export interface Progress {
  readonly step: 'wait' | 'download' | 'verify' | 'unpack' | 'compile';
  /** One line for the user, without the fraction. */
  readonly text: string;
  readonly fraction?: number;
}

export type Report = (progress: Progress) => void;

/**
 * The version of Node-API for which the binding is compiled, and by which TensorFlow.js looks it up. Node 20 and later
 * support it.
 */
export const napiVersion = 8;

/**
 * Returns the disk space in bytes that a build needs at its peak, with a reserve. pip keeps a second copy of the wheel
 * for a short time.
 */
export function roomNeeded({ wheelBytes, unpackedBytes }: Release): number {
  return wheelBytes + Math.max(wheelBytes, unpackedBytes) + 64 * 2 ** 20;
}

/**
 * Builds and seals an entry in `folder`, which must be new and on a disk with enough space. All files are written to
 * this folder, including the temporary files of pip and of the compiler.
 * @throws {Failure} `environment` if the machine lacks something, and `interrupted` if the signal aborts
 */
export async function build(
  recipe: Recipe,
  folder: string,
  report: Report,
  environment: CommandEnvironment,
): Promise<void> {
  const tools = await findTools(environment);
  const temporary = join(folder, 'tmp');
  await mkdir(temporary, { recursive: true });
  // The error messages of these programs are parsed and quoted, so they must be in English.
  const inside: CommandEnvironment = { ...environment, env: { ...environment.env, TMPDIR: temporary, LC_ALL: 'C' } };
  const { release } = recipe;

  const wheel = await download(release, tools, temporary, report, inside);
  report({ step: 'verify', text: `checking the hash of ${wheel}` });
  await verifyWheel(join(temporary, wheel), release);
  await unpack(join(temporary, wheel), recipe, tools, folder, report, inside);
  report({ step: 'compile', text: 'compiling the binding' });
  await compile(recipe, tools, folder, inside);

  await rm(temporary, { recursive: true, maxRetries: 3 });
  await seal(folder, {
    key: recipe.key,
    wheel: { file: wheel, sha256: release.sha256 },
    compiler: tools.compilerVersion,
  });
}

/** Downloads the wheel to `into`, and returns its file name. */
async function download(
  { distribution, version, platformTag, wheelBytes }: Release,
  { pip: [command, ...first] }: Tools,
  into: string,
  report: Report,
  environment: CommandEnvironment,
): Promise<string> {
  // The libraries in the wheel do not depend on the version of Python, so a fixed version is requested, whichever
  // version runs pip. The cache of pip would only keep a second copy of the wheel.
  const options = ['--only-binary=:all:', '--python-version', '3.11', '--platform', platformTag];
  const quiet = ['--quiet', '--no-cache-dir', '--no-input', '--disable-pip-version-check', '--progress-bar', 'off'];
  const args = [...first, 'download', `${distribution}==${version}`, '--no-deps', ...options, ...quiet, '--dest', into];
  const text = `downloading ${distribution} ${version} (${Math.round(wheelBytes / 1e6)} MB)`;

  const outcome = await watching(into, wheelBytes, { step: 'download', text }, report, () =>
    run(command, args, environment),
  );
  const wheel = (await readdir(into)).find((name) => name.endsWith('.whl'));
  if (outcome.state === 'ended' && outcome.status === 0 && wheel) return wheel;

  const output = outcome.state === 'ended' ? outcome.output : '';
  if (diskIsFull(output)) throw noRoom(into, wheelBytes * 2);
  throw new Failure(
    'environment',
    `pip could not download ${distribution} ${version} for ${platformTag}: ${pipsReason(output)} Check the network and pip's index settings, then run the same command again.`,
  );
}

/**
 * Returns the reason for a failure of pip. If the index cannot be reached, the last line of the output is only "No
 * matching distribution", and the reason is in the warnings before it.
 */
function pipsReason(output: string): string {
  const broken = /connection broken by '(.*)'/.exec(output)?.[1];
  // An example is "NewConnectionError('<... object at 0x7f>: Failed to establish a new connection')".
  const reason = broken?.replace(/^\w+\(['"]<[^>]*>: (.*)['"]\)$/, '$1') ?? lastLine(output);
  return `${reason.replace(/\.$/, '')}.`;
}

/**
 * Checks the hash of the downloaded wheel.
 * @throws {Failure} `environment` if the file is not the pinned one
 */
export async function verifyWheel(file: string, { distribution, version, sha256: pinned }: Release): Promise<void> {
  const found = await sha256(file);
  if (found === pinned) return;
  throw new Failure(
    'environment',
    `pip delivered another file than the known ${distribution} ${version}: its SHA-256 is ${found} instead of ${pinned}. Check which index pip uses (pip config list).`,
  );
}

/**
 * The parts of the wheel's include folder that the binding needs, directly or indirectly. The whole folder has 287 MB.
 */
const headers = ['tensorflow/c/', 'tensorflow/core/platform/ctstring', 'tsl/platform/ctstring', 'xla/tsl/c/'];

const unpacker = `
import os, shutil, sys, zipfile
wheel, folder, include, cc, framework, *headers = sys.argv[1:]
headers = tuple('tensorflow/include/' + header for header in headers)
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith(headers):
            archive.extract(name, include)
    for library in (cc, framework):
        source = archive.open('tensorflow/' + os.path.basename(library))
        with source, open(os.path.join(folder, library), 'wb') as target:
            shutil.copyfileobj(source, target, 1 << 20)
`;

async function unpack(
  wheel: string,
  { release }: Recipe,
  { python }: Tools,
  folder: string,
  report: Report,
  environment: CommandEnvironment,
): Promise<void> {
  const libraries = join(folder, 'lib');
  await mkdir(libraries);
  const args = [wheel, folder, join(folder, 'tmp'), entryFiles.tensorflow, entryFiles.framework, ...headers];
  const outcome = await watching(
    libraries,
    release.unpackedBytes,
    { step: 'unpack', text: `unpacking libtensorflow (${Math.round(release.unpackedBytes / 1e6)} MB)` },
    report,
    () => run(python, ['-c', unpacker, ...args], environment),
  );
  if (outcome.state === 'ended' && outcome.status === 0) return;
  const output = outcome.state === 'ended' ? outcome.output : '';
  if (diskIsFull(output)) throw noRoom(folder, roomNeeded(release));
  throw new Failure('environment', `Unpacking ${wheel} with ${python} failed: ${lastLine(output)}`);
}

async function compile(recipe: Recipe, { compiler }: Tools, folder: string, environment: CommandEnvironment) {
  const binding = join(folder, entryFiles.binding);
  const sources = join(recipe.tfjsNodeFolder, 'binding');
  await mkdir(join(folder, 'binding'));
  const includes = [
    join(recipe.nodeApiFolder, 'include'),
    recipe.tfjsNodeFolder,
    join(folder, 'tmp/tensorflow/include'),
  ];
  const compiled = await run(
    compiler,
    [
      ...[
        '-O2',
        '-std=c++17',
        '-fPIC',
        '-shared',
        `-DNAPI_VERSION=${napiVersion}`,
        '-DNODE_GYP_MODULE_NAME=tfjs_binding',
      ],
      ...includes.map((include) => `-I${include}`),
      ...(await readdir(sources)).filter((name) => name.endsWith('.cc')).map((name) => join(sources, name)),
      ...['-o', binding, join(folder, entryFiles.tensorflow), join(folder, entryFiles.framework)],
      '-Wl,-rpath,$ORIGIN/../lib',
    ],
    environment,
  );
  if (compiled.state === 'absent' || compiled.status !== 0) {
    const output = compiled.state === 'absent' ? 'it has gone' : compiled.output;
    if (diskIsFull(output)) throw noRoom(folder, roomNeeded(recipe.release));
    const reason = output.split('\n').find((line) => /\berror\b/.test(line)) ?? lastLine(output);
    throw new Failure('environment', `Compiling TensorFlow's binding with ${compiler} failed: ${reason}`);
  }

  // Loading the binding once finds a processor without AVX or a missing library now instead of at the first training.
  const loaded = await run(process.execPath, ['-e', 'require(process.argv[1])', binding], environment);
  if (loaded.state === 'absent' || loaded.status !== 0) {
    const output = loaded.state === 'absent' ? '' : loaded.output;
    const reason = output.split('\n').find((line) => /^\w*Error: /.test(line)) ?? lastLine(output);
    throw new Failure('environment', `TensorFlow was compiled but does not load on this machine: ${reason}`);
  }
}

function diskIsFull(output: string): boolean {
  return /No space left on device|Disk quota exceeded/.test(output);
}

/** The interval at which the size of a growing folder is measured, in milliseconds. */
const watchInterval = 500;

/** Runs `work`, and meanwhile reports `progress` with the size of `folder` as a fraction of `expectedBytes`. */
async function watching<T>(
  folder: string,
  expectedBytes: number,
  progress: Progress,
  report: Report,
  work: () => Promise<T>,
): Promise<T> {
  let ended = false;
  report({ ...progress, fraction: 0 });
  const timer = setInterval(() => {
    void bytesIn(folder).then((bytes) => {
      if (!ended) report({ ...progress, fraction: Math.min(1, bytes / expectedBytes) });
    });
  }, watchInterval);
  try {
    return await work();
  } finally {
    ended = true;
    clearInterval(timer);
  }
}

/** Returns the total size of the files in `folder`. Files that are removed during the measurement are not counted. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

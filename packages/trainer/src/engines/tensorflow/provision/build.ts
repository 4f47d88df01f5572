import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@prunegrid/core/failure';
import { lastLine, run, type CommandEnvironment } from '@prunegrid/core/node/command';
import { diskIsFull, downloadWheel, watching } from '@prunegrid/core/node/wheel';
import { noRoom } from '@prunegrid/core/node/room';
import { entryFiles, seal } from './entry.js';
import type { Release } from './release.js';
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

  const text = `downloading ${release.distribution} ${release.version} (${Math.round(release.wheelBytes / 1e6)} MB)`;
  const onProgress = (fraction: number) => report({ step: 'download', text, fraction });
  const wheel = await downloadWheel(release, tools, temporary, onProgress, inside);
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
    (fraction) =>
      report({
        ...{ step: 'unpack', fraction },
        text: `unpacking libtensorflow (${Math.round(release.unpackedBytes / 1e6)} MB)`,
      }),
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

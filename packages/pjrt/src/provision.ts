import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Failure } from '@prunegrid/core/failure';
import { findTools } from '@prunegrid/core/node/build-tools';
import { type CommandEnvironment, lastLine, run } from '@prunegrid/core/node/command';

/** A wheel on the Python package index that contains a plugin, pinned by its hash. */
export interface PluginRelease {
  readonly distribution: string;
  readonly version: string;
  readonly platformTag: string;
  /** The SHA-256 hash of the wheel, in hexadecimal. */
  readonly sha256: string;
  readonly wheelBytes: number;
  /** The plugin's path in the wheel. */
  readonly file: string;
}

/** XLA's plugin for CPUs on Linux, x86-64. It is for tests: its convolutions are many times slower than TensorFlow's. */
export const cpuPlugin: PluginRelease = {
  distribution: 'lammps-jax-pjrt-cpu',
  version: '0.11.2',
  platformTag: 'manylinux_2_27_x86_64',
  sha256: '1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1',
  wheelBytes: 62_711_338,
  file: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so',
};

type Report = (line: string) => void;

/**
 * Returns the path of the compiled addon, which is built once for each version of its sources.
 * @param cacheDir prunegrid's cache folder
 * @throws {Failure} `environment` if the compiler is missing or fails, and `interrupted` if the signal aborts
 */
export async function provideAddon(cacheDir: string, report: Report, environment: CommandEnvironment): Promise<string> {
  const sources = fileURLToPath(new URL('../native', import.meta.url));
  const names = (await readdir(sources)).filter((name) => /[.](cc|h)$/.test(name)).sort();
  const hash = createHash('sha256');
  for (const name of [...names, 'openxla/pjrt_c_api.h']) hash.update(await readFile(join(sources, name)));
  const key = `${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 16)}`;
  return provideFile(join(cacheDir, 'pjrt', key), 'pjrt.node', async (folder) => {
    report("compiling the addon for XLA's plugins");
    const { compiler } = await findTools(environment);
    const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json'));
    const options = ['-O2', '-std=c++17', '-fPIC', '-shared', '-static-libstdc++', '-static-libgcc'];
    const files = names.filter((name) => name.endsWith('.cc')).map((name) => join(sources, name));
    const outcome = await run(
      compiler,
      [...options, `-I${join(headers, 'include')}`, ...files, '-o', join(folder, 'pjrt.node'), '-ldl'],
      { ...environment, env: { ...environment.env, LC_ALL: 'C' } },
    );
    if (outcome.state === 'ended' && outcome.status === 0) return;
    const output = outcome.state === 'ended' ? outcome.output : 'it has gone';
    const reason = output.split('\n').find((line) => /\berror\b/.test(line)) ?? lastLine(output);
    throw new Failure('environment', `Compiling the addon for XLA's plugins with ${compiler} failed: ${reason}`);
  });
}

/**
 * Returns the path of a plugin, which is downloaded by pip once.
 * @throws {Failure} `environment` if pip cannot download it or delivers another file, and `interrupted` if the signal
 *   aborts
 */
export async function providePlugin(
  release: PluginRelease,
  cacheDir: string,
  report: Report,
  environment: CommandEnvironment,
): Promise<string> {
  const { distribution, version, platformTag, sha256, wheelBytes, file } = release;
  return provideFile(join(cacheDir, 'pjrt', `${distribution}-${version}`), file, async (folder) => {
    const { python, pip } = await findTools(environment);
    report(`downloading ${distribution} ${version} (${Math.round(wheelBytes / 1e6)} MB)`);
    const [command, ...first] = pip;
    const platform = ['--only-binary=:all:', '--python-version', '3.11', '--platform', platformTag, '--no-deps'];
    const quiet = ['--quiet', '--no-cache-dir', '--no-input', '--disable-pip-version-check'];
    const args = [...first, 'download', `${distribution}==${version}`, ...platform, ...quiet, '--dest', folder];
    const downloaded = await run(command, args, environment);
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (downloaded.state === 'absent' || downloaded.status !== 0 || !wheel) {
      const reason = downloaded.state === 'absent' ? 'pip has gone' : lastLine(downloaded.output);
      throw new Failure(
        'environment',
        `pip could not download ${distribution} ${version}: ${reason}. Check the network and pip's index settings, then run the same command again.`,
      );
    }
    const found = createHash('sha256')
      .update(await readFile(join(folder, wheel)))
      .digest('hex');
    if (found !== sha256) {
      throw new Failure(
        'environment',
        `pip delivered another file than the known ${distribution} ${version}: its SHA-256 is ${found} instead of ${sha256}. Check which index pip uses (pip config list).`,
      );
    }
    const unpack = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])';
    const unpacked = await run(python, ['-c', unpack, join(folder, wheel), file, folder], environment);
    if (unpacked.state === 'absent' || unpacked.status !== 0) {
      const reason = unpacked.state === 'absent' ? 'it has gone' : lastLine(unpacked.output);
      throw new Failure('environment', `Unpacking ${wheel} with ${python} failed: ${reason}`);
    }
    await rm(join(folder, wheel));
  });
}

/**
 * Returns the path of `file` in `folder`, which `make` fills if it is not there. The folder gets its name only when it
 * is complete, so that processes may do this at the same time.
 */
async function provideFile(folder: string, file: string, make: (folder: string) => Promise<void>): Promise<string> {
  const path = join(folder, file);
  if (existsSync(path)) return path;
  let partial: string | undefined;
  try {
    await mkdir(dirname(folder), { recursive: true });
    partial = await mkdtemp(`${folder}.partial-`);
    await make(partial);
    // Another process may have been faster.
    await rename(partial, folder).catch((error: unknown) => {
      if (!existsSync(path)) throw error;
    });
    return path;
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new Failure(
      'environment',
      `Cannot write the cache folder ${dirname(folder)} (${code}): make it writable for you, or name another folder in PRUNEGRID_CACHE.`,
      { cause: error },
    );
  } finally {
    if (partial) await rm(partial, { recursive: true, force: true });
  }
}

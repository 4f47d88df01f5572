import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Failure } from '@prunegrid/core/failure';
import { provideAddon as provideCompiled } from '@prunegrid/core/node/addon';
import { findTools } from '@prunegrid/core/node/build-tools';
import { type CommandEnvironment, lastLine, run } from '@prunegrid/core/node/command';
import { provideFile } from '@prunegrid/core/node/provide-file';

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
export const provideAddon = (cacheDir: string, report: Report, environment: CommandEnvironment): Promise<string> => {
  const recipe = {
    name: 'pjrt',
    title: "XLA's plugins",
    sources: fileURLToPath(new URL('../native', import.meta.url)),
    nodeApiFolder: dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
    options: ['-static-libstdc++', '-static-libgcc', '-ldl'],
  };
  return provideCompiled(recipe, cacheDir, report, environment);
};

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

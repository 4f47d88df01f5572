import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { Failure } from '../failure.js';
import { findCompiler } from './build-tools.js';
import { type CommandEnvironment, lastLine, run } from './command.js';
import { provideFile } from './provide-file.js';

/** How an addon for Node is compiled. */
export interface AddonRecipe {
  /** The name of its folder in the cache, and of its file. */
  readonly name: string;
  /** What it is for, as in `compiling the addon for XLA's plugins`. */
  readonly title: string;
  /** The folder of its sources, with folders of headers. */
  readonly sources: string;
  /** The folder of the npm package node-api-headers. */
  readonly nodeApiFolder: string;
  /** The compiler's options in addition to the usual ones, such as the libraries that it is linked to. */
  readonly options: readonly string[];
  /** A folder that may have come with the sources and is looked into before the cache folder, as in a bundle. */
  readonly shipped?: string;
}

/**
 * Returns the path of a compiled addon, which is built once for each version of its sources and its options.
 * @param cacheDir prunegrid's cache folder
 * @throws {Failure} `environment` if the compiler is missing or fails, and `interrupted` if the signal aborts
 */
export async function provideAddon(
  { name, title, sources, nodeApiFolder, options, shipped }: AddonRecipe,
  cacheDir: string,
  report: (line: string) => void,
  environment: CommandEnvironment,
): Promise<string> {
  const names = (await readdir(sources, { recursive: true })).filter((file) => /[.](cc|h)$/.test(file)).sort();
  const hash = createHash('sha256').update(options.join('\n'));
  for (const file of names) hash.update(await readFile(join(sources, file)));
  const key = `${process.platform}-${process.arch}-${hash.digest('hex').slice(0, 16)}`;
  const ready = shipped === undefined ? undefined : join(shipped, name, key, `${name}.node`);
  if (ready !== undefined && existsSync(ready)) return ready;
  return provideFile(join(cacheDir, name, key), `${name}.node`, async (folder) => {
    report(`compiling the addon for ${title}`);
    const compiler = (await findCompiler(environment)).name;
    const files = names.filter((file) => file.endsWith('.cc')).map((file) => join(sources, file));
    const usual = ['-O3', '-std=c++17', '-fPIC', '-shared', `-I${join(nodeApiFolder, 'include')}`];
    const outcome = await run(compiler, [...usual, ...files, '-o', join(folder, `${name}.node`), ...options], {
      ...environment,
      env: { ...environment.env, LC_ALL: 'C' },
    });
    if (outcome.state === 'ended' && outcome.status === 0) return;
    const output = outcome.state === 'ended' ? outcome.output : 'it has gone';
    const reason = output.split('\n').find((line) => /\berror\b/.test(line)) ?? lastLine(output);
    throw new Failure('environment', `Compiling the addon for ${title} with ${compiler} failed: ${reason}`);
  });
}

/** Loads an addon that `provideAddon` has compiled. Throws Failure if it does not load on this machine. */
export function loadAddon<Addon>(file: string): Addon {
  try {
    return createRequire(import.meta.url)(file) as Addon;
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0];
    throw new Failure('environment', `${file} cannot be loaded (${reason}): remove its folder, so that it is built`, {
      cause,
    });
  }
}

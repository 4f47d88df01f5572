import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Failure } from './failure.js';

/** Help text for the flag `--extension <file>`, which every program that loads extensions has. */
export const extensionHelp = 'an ES module that adds engines, models, constraints and the like; may be repeated';

/** The files already loaded, for each set of registries. Loading a file twice would add all of its members twice. */
const loaded = new WeakMap<object, Set<string>>();

/**
 * Loads extensions: ES modules whose default export is a function that receives the registries and adds members to
 * them. A file that was loaded before with the same registries is not loaded again.
 *
 * @param files paths as the user gave them, relative to the working folder
 * @returns the absolute paths of the files
 * @throws {Failure} `input`, one line for each file, if a file cannot be loaded, has no function as its default export,
 *   or its function throws
 */
export async function loadExtensions(files: readonly string[], registries: object): Promise<string[]> {
  const before = loaded.get(registries) ?? new Set<string>();
  loaded.set(registries, before);
  const paths = files.map((file) => resolve(file));
  for (const [i, path] of paths.entries()) {
    if (before.has(path)) continue;
    before.add(path);
    await run(files[i], path, registries);
  }
  return paths;
}

async function run(file: string, path: string, registries: object): Promise<void> {
  const module = await importing(file, path);
  if (typeof module.default !== 'function') {
    throw new Failure(
      'input',
      `--extension ${file}: exports no function by default: it must have "export default function extend(registries) { ... }"`,
    );
  }
  try {
    await (module.default as (registries: object) => unknown)(registries);
  } catch (cause) {
    throw new Failure('input', `--extension ${file}: its function failed: ${firstLine(cause)}`, { cause });
  }
}

async function importing(file: string, path: string): Promise<{ default?: unknown }> {
  const url = pathToFileURL(path).href;
  try {
    return (await import(url)) as { default?: unknown };
  } catch (cause) {
    const { code, url: missing } = cause as { code?: string; url?: string };
    const own = code === 'ERR_MODULE_NOT_FOUND' && (missing === undefined || missing === url);
    const why = own
      ? 'there is no such file: check the path, which is seen from the working folder'
      : `cannot be loaded: ${firstLine(cause)}`;
    throw new Failure('input', `--extension ${file}: ${why}`, { cause });
  }
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? (error instanceof Failure ? error.message : String(error)) : String(error)).split('\n')[0];

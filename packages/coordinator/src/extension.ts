import { loadExtensions as load } from '@prunegrid/core/extension';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { budgets } from '@prunegrid/numerics/budgets';
import { constraints } from '@prunegrid/numerics/constraints';
import { trainerRegistries } from '@prunegrid/trainer/registries';

import { changeOf, describeExtensions, type ExtensionFile } from './experiment/extension-files.js';
import { launchers } from './launch/index.js';
import { methods } from './training/methods/index.js';
import { tellThreads } from './training/projecting/extensions.js';

/** What an extension can add to; docs/extending.md has an example of each. */
export const registries = { ...trainerRegistries, budgets, constraints, launchers, methods };

export type Registries = typeof registries;

/**
 * The default export of an extension's file. It is called once in each process that loads the file: the coordinator, its threads, and
 * trainers, where what it adds to `launchers`, `methods`, `constraints` and `budgets` is never used.
 */
export type Extension = (registries: Registries) => void | Promise<void>;

/**
 * Loads extensions in the coordinator's process, and has the threads load them that it starts from now on.
 *
 * @param files seen from the working folder
 * @returns their absolute paths, for the trainers
 * @throws Failure `input` as `loadExtensions` of core does
 */
export async function loadExtensions(files: readonly string[]): Promise<string[]> {
  const paths = await load(files, registries);
  tellThreads(paths);
  return paths;
}

/**
 * Loads the extensions that a run or a sweep was made with. Extensions that the user has named, and that are loaded
 * already, take the place of all of them.
 *
 * @param place what was made with them, for messages
 * @param named absolute paths of the extensions that the user has named
 * @param warn called with a line for each recorded extension whose content none of those named has
 * @returns the absolute paths of all files, for the trainers
 * @throws {Failure} `input` if a recorded file is no longer what it was, and as `loadExtensions` does
 */
export async function loadRecorded(
  host: Pick<Host, 'files'>,
  place: string,
  recorded: readonly ExtensionFile[],
  named: readonly string[],
  warn: (line: string) => void,
): Promise<readonly string[]> {
  if (named.length === 0) {
    for (const extension of recorded) {
      const change = await changeOf(host, extension);
      if (change === undefined) continue;
      throw new Failure(
        'input',
        `${place}: was made with the extension ${extension.file}, which ${change}: bring it back, or name all its extensions by --extension`,
      );
    }
    return loadExtensions(recorded.map(({ file }) => file));
  }
  const contents = new Set((await describeExtensions(host, named)).map(({ sha256 }) => sha256));
  for (const { file, sha256 } of recorded) {
    if (contents.has(sha256)) continue;
    warn(`${place}: was made with the extension ${file}, and no --extension names a file with the content of then`);
  }
  return named;
}

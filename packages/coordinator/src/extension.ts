import { loadExtensions as load } from '@prunegrid/core/extension';
import { budgets } from '@prunegrid/numerics/budgets';
import { constraints } from '@prunegrid/numerics/constraints';
import { trainerRegistries } from '@prunegrid/trainer/registries';

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

import { loadExtensions as load } from '@prunegrid/core/extension';
import { type Named, Registry } from '@prunegrid/core/registry';

import { trainerRegistries } from './registries.js';

/**
 * The registries to which an extension can add in a trainer's process. They include those that only a coordinator uses,
 * so that the same extension file works in both processes; the trainer never reads them.
 */
export const registries = {
  ...trainerRegistries,
  budgets: new Registry<Named>('budget rule'),
  constraints: new Registry<Named>('constraint'),
  launchers: new Registry<Named>('launcher'),
  methods: new Registry<Named>('method'),
};

/**
 * Loads extensions in a trainer's process.
 * @param files the paths of the files, relative to the working folder
 * @throws {Failure} `input` under the same conditions as `loadExtensions` of core
 */
export const loadExtensions = (files: readonly string[]): Promise<string[]> => load(files, registries);

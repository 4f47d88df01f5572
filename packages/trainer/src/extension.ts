import { loadExtensions as load } from '@prunegrid/core/extension';
import { type Named, Registry } from '@prunegrid/core/registry';

import { datasets } from './datasets/index.js';
import { engines } from './engines/index.js';
import { models } from './models/index.js';

/**
 * What an extension can add to in a trainer's process. What only a coordinator uses has a registry here, too, so that one file serves
 * both; nothing ever looks into these.
 */
export const registries = {
  datasets,
  engines,
  models,
  budgets: new Registry<Named>('budget rule'),
  constraints: new Registry<Named>('constraint'),
  launchers: new Registry<Named>('launcher'),
  methods: new Registry<Named>('method'),
};

/**
 * Loads extensions in a trainer's process.
 * @param files seen from the working folder
 * @throws Failure `input` as `loadExtensions` of core does
 */
export const loadExtensions = (files: readonly string[]): Promise<string[]> => load(files, registries);

import { datasets } from './datasets/index.js';
import { engines } from './engines/index.js';
import { models } from './models/index.js';
import { reductions } from './reductions/index.js';

/** The registries to which an extension can add in a trainer. The coordinator's process has them, too. */
export const trainerRegistries = { engines, models, datasets, reductions };

export type TrainerRegistries = typeof trainerRegistries;

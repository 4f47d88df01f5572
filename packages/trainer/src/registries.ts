import { datasets } from './datasets/index.js';
import { engines } from './engines/index.js';
import { models } from './models/index.js';

/** What an extension can add to in a trainer; the coordinator's process has them, too. */
export const trainerRegistries = { engines, models, datasets };

export type TrainerRegistries = typeof trainerRegistries;

import { Registry } from '@prunegrid/core/registry';

import { hub } from './hub.js';
import type { Reduction } from './reduction.js';
import { sharded } from './sharded.js';

export type {
  CoordinatorLink,
  CoordinatorReduction,
  PeerLinks,
  PeerReduction,
  Reducer,
  Reduction,
  ReductionPhase,
  RoundVectors,
  TensorPlace,
  TrainerLinks,
  Update,
} from './reduction.js';
export { hub, sharded };

/** All reductions that a user can name by `--reduction`. */
export const reductions = new Registry<Reduction>('reduction', [hub, sharded]);

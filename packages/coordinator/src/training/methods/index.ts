import { Registry } from '@prunegrid/core/registry';

import { admm } from './admm.js';
import { gradual } from './gradual.js';
import { magnitude } from './magnitude.js';
import type { Method } from './method.js';

export type { Before, Method, Training } from './method.js';

/**
 * Methods that a spec may select. The first one is the default; the others are baselines with the same number of
 * epochs.
 */
export const methods = new Registry<Method>('method', [admm, magnitude, gradual]);

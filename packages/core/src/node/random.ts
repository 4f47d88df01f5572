import { randomBytes, randomUUID } from 'node:crypto';

import type { RandomSource } from '../runtime/random.js';

/** Random values from the operating system. */
export const nodeRandom: RandomSource = { uuid: () => randomUUID(), bytes: (count) => randomBytes(count) };

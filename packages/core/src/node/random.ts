import { randomBytes, randomUUID } from 'node:crypto';

import type { RandomSource } from '../runtime/random.js';

/** The operating system's randomness. */
export const nodeRandom: RandomSource = { uuid: () => randomUUID(), bytes: (count) => randomBytes(count) };

import { type Evaluate, type Evaluated, Split } from '@prunegrid/proto';

import type { Replica } from '../engines/index.js';

/** Evaluates the blocks of `request` on the replica. */
export const evaluate = (replica: Replica, { split, ...blocks }: Evaluate): Promise<Evaluated> =>
  replica.evaluate({ part: split === Split.TEST ? 'test' : 'validation', ...blocks });

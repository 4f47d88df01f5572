import { type Evaluate, Split } from '@prunegrid/proto';

import type { Evaluation, Replica } from '../engines/index.js';

/** Evaluates the requested blocks of a part of the data set on the replica. */
export const evaluate = (replica: Replica, { split, ...blocks }: Evaluate): Promise<Evaluation> =>
  replica.evaluate({ part: split === Split.TEST ? 'test' : 'validation', ...blocks });

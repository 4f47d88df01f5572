import { type Evaluate, type Evaluated, Split } from '@prunegrid/proto';

import type { Replica } from '../engines/index.js';

/** Evaluates the requested blocks of a part of the data set on the replica. */
export async function evaluate(replica: Replica, { split, ...blocks }: Evaluate): Promise<Omit<Evaluated, 'notices'>> {
  const {
    top5: correctTop5,
    metrics = [],
    ...rest
  } = await replica.evaluate({
    part: split === Split.TEST ? 'test' : 'validation',
    ...blocks,
  });
  return { ...rest, correctTop5, metrics };
}

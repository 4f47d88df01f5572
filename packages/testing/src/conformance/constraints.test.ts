import { atMost } from '@prunegrid/numerics/constraints';

import { describeConstraint } from './constraint.js';

describeConstraint('cardinality', [
  ...[0, 1, 3, 8].map((keep) => ({ data: atMost(keep), shape: [2, 4] })),
  { data: atMost(2), shape: [7] },
  { data: atMost(77), shape: [3, 3, 8, 5] },
]);

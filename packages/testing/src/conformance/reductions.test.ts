import { reductions } from '@prunegrid/trainer/reductions';

import { describeReduction } from './reduction.js';

reductions.names.forEach(describeReduction);

import { methods } from '@prunegrid/coordinator/training/methods';

import { describeMethod } from './method.js';

methods.names.forEach(describeMethod);

import { Registry } from '@prunegrid/core/registry';

import type { DatasetSource } from './dataset.js';
import { mnist } from './mnist.js';

/** All data sets that a spec can name in the field `dataset.name`. */
export const datasets = new Registry<DatasetSource>('data set', [mnist]);

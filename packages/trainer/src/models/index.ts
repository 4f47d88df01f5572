import { Registry } from '@prunegrid/core/registry';

import { alexnet } from './alexnet.js';
import { lenet300 } from './lenet300.js';
import { lenet5 } from './lenet5.js';
import type { Model } from './model.js';

export { fromFile, tensorFromFile, tensorInFile, toFile } from './files.js';
export { initialParameters } from './initial.js';
export {
  type Dropout,
  INPUT,
  type Layer,
  layOut,
  type Model,
  type ModelDescription,
  type Ops,
  type Parameter,
} from './model.js';

/** All models that a spec can name in the field `model`. */
export const models = new Registry<Model>('model', [lenet5, lenet300, alexnet]);

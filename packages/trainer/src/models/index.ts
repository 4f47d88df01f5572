import { alexnet } from './alexnet.js';
import { lenet300 } from './lenet300.js';
import { lenet5 } from './lenet5.js';
import { ModelRegistry } from './registry.js';

export { fileShape, fromFile, misfitting, tensorFromFile, tensorInFile, toFile } from './files.js';
export { initialParameters } from './initial.js';
export type { ModelModule } from './module/index.js';
export type { ModelRegistry } from './registry.js';
export { findTensors } from './tensor-names.js';
export {
  absoluteReference,
  isModelModule,
  isModelPath,
  modelTitle,
  parseReference,
  withContentOf,
} from './reference.js';
export {
  type Dropout,
  INPUT,
  type Layer,
  layOut,
  type Model,
  type ModelDescription,
  type ModelFile,
  type Ops,
  type Parameter,
} from './model.js';

/** All models that a spec can name in the field `model`; those in files are added by `loadModel`. */
export const models = new ModelRegistry('model', [lenet5, lenet300, alexnet]);

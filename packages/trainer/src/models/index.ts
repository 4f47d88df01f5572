import { lenet300 } from './lenet300.js';
import { lenet5 } from './lenet5.js';
import type { Model } from './model.js';

export { fromFile, tensorInFile, toFile } from './files.js';
export { initialParameters } from './initial.js';
export type { Layer, Model, ModelDescription, Parameter } from './model.js';

/** Every model that a spec may name. */
export const models: ReadonlyMap<string, Model> = new Map([lenet5, lenet300].map((model) => [model.name, model]));

import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { isDatasetPath, loadDataset, misfit } from '@prunegrid/trainer/datasets';
import { resolve } from 'node:path';

import type { Catalogue } from './check.js';
import type { Places } from './places.js';
import type { Spec } from './spec.js';

/** Returns the spec with the paths of its data seen from `folder`, the experiment's, made absolute. */
export function withAbsolutePaths<Of extends Pick<Spec, 'dataset'>>(spec: Of, folder: string): Of {
  const { name, validation, test } = spec.dataset;
  if (!isDatasetPath(name)) return spec;
  const absolute = <Value>(value: Value) => (typeof value === 'string' ? resolve(folder, value) : value);
  return {
    ...spec,
    dataset: { ...spec.dataset, name: resolve(folder, name), validation: absolute(validation), test: absolute(test) },
  };
}

/** Hashes of data by their choices, so that the trials of a sweep read the same files once. */
export type KnownData = Map<string, string>;

/**
 * Reads the files that a spec names, and returns the spec with their hash, so that it says which data it is about: its
 * keys differ from those of a spec with other data, and trainers refuse others. What is wrong with the data is thus said
 * before any trainer starts. A registered data set is left to the trainers.
 *
 * @throws {Failure} `input`, which names the place in the spec, if the files cannot be read, are not those that the spec
 *   says, or do not fit the model
 */
export async function withData(
  spec: Spec,
  { models }: Pick<Catalogue, 'models'>,
  runtime: Pick<Host, 'files' | 'machine'>,
  places: Places,
  known: KnownData = new Map(),
): Promise<Spec> {
  const { dataset } = spec;
  if (!isDatasetPath(dataset.name)) return spec;
  const { shift: _, limit: _unused, ...choice } = dataset;
  const key = JSON.stringify([spec.model, choice]);
  const sha256 = known.get(key) ?? (await examine(spec, models, runtime, places));
  known.set(key, sha256);
  return { ...spec, dataset: { ...dataset, sha256 } };
}

async function examine(
  { dataset: choice, model: name }: Spec,
  models: Catalogue['models'],
  runtime: Pick<Host, 'files' | 'machine'>,
  places: Places,
): Promise<string> {
  try {
    const dataset = await loadDataset(choice, runtime);
    const { input, classes } = models.find((model) => model.name === name) ?? {};
    const problem = input && classes !== undefined ? misfit({ name, input, classes }, dataset) : undefined;
    if (problem !== undefined) throw new Failure('input', problem);
    return dataset.files?.sha256 ?? dataset.hash;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const [, key = 'name'] = /^dataset\.(\w+)/.exec(error.message) ?? [];
    const message = error.message.startsWith('dataset.') ? error.message : `dataset.name: ${error.message}`;
    throw new Failure('input', `${places.ofValue(['dataset', key])}: ${message}`, { cause: error });
  }
}

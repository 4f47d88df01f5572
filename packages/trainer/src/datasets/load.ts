import { Failure } from '@prunegrid/core/failure';
import { pathToFileURL } from 'node:url';

import { augmentationsOf } from './augmentations/index.js';
import type { DatasetChoice } from './choice.js';
import type { Dataset, DatasetSource, Standardization } from './dataset.js';
import type { DataHost } from './host.js';
import { type Fingerprint, fingerprintOf } from './files/fingerprint.js';
import { isDatasetPath, isModule } from './files/opened.js';
import { filesOf, loadFiles } from './files/source.js';
import { datasets } from './registry.js';

/** Returns the hash of the files that a choice names, if it names files. Of a module it is that of the module itself. */
async function fingerprint(choice: DatasetChoice, host: DataHost): Promise<Fingerprint | undefined> {
  const { name } = choice;
  if (datasets.find(name) || !isDatasetPath(name)) return undefined;
  return fingerprintOf(isModule(name) ? [{ role: 'module', path: name }] : await filesOf(choice, host), host.files);
}

/**
 * Loads the data set that is chosen, by its name or its path, and applies the choice's normalization and augmentations.
 * @throws {Failure} `input` if it cannot be loaded, has another hash than the choice says, or is not fit for what is
 *   asked
 */
export async function loadDataset(choice: DatasetChoice, host: DataHost): Promise<Dataset> {
  const found = await fingerprint(choice, host);
  requireSame(choice, found?.sha256);
  const dataset = await (await sourceOf(choice.name)).load({ ...choice, sha256: found?.sha256 }, host);
  if (!found) requireSame(choice, dataset.hash);
  return { ...prepared(dataset, choice), files: found };
}

/**
 * Returns the `hash` that the data set of a choice must have, as far as it is known without loading it: that of a
 * registered data set, or that of the files that the choice names.
 */
export function expectedHash({ name, sha256 }: DatasetChoice): string | undefined {
  const registered = datasets.find(name);
  if (registered) return registered.hash ?? sha256;
  // The hash of a module's file is not that of the data that it loads.
  return isModule(name) ? undefined : sha256;
}

/** Returns the data set of a path as a member that a registry could have. Throws Failure if it is a module that is none. */
export async function sourceOf(name: string): Promise<DatasetSource> {
  if (datasets.find(name) || !isDatasetPath(name)) return datasets.get(name);
  if (!isModule(name)) return { name, load: loadFiles };
  let module: { default?: Partial<DatasetSource> };
  try {
    module = (await import(pathToFileURL(name).href)) as typeof module;
  } catch (cause) {
    throw new Failure('input', `${name}: cannot be loaded: ${String(cause).split('\n')[0]}: run it with node`, {
      cause,
    });
  }
  const { default: source } = module;
  if (typeof source?.load === 'function') return { name, load: source.load.bind(source) };
  throw new Failure(
    'input',
    `${name}: exports no data set by default: "export default { name, load(choice) { ... } }"`,
  );
}

function requireSame({ name, sha256 }: DatasetChoice, found: string | undefined): void {
  if (sha256 === undefined || found === undefined || sha256 === found) return;
  throw new Failure(
    'input',
    `${name}: holds other data (SHA-256 ${found.slice(0, 12)}...) than the experiment was begun with (${sha256.slice(0, 12)}...): put the same files there`,
  );
}

function prepared(dataset: Dataset, { normalize, augment }: DatasetChoice): Dataset {
  const augmentations = augment ? augmentationsOf(augment, dataset.shape) : undefined;
  const { divide, mean, std } = normalize ?? {};
  const standardization = mean || std ? { mean: mean ?? [0], std: std ?? [1] } : undefined;
  if (standardization) requirePerChannel(standardization, dataset);
  return {
    ...dataset,
    ...(divide !== undefined && { divisor: divide }),
    ...(standardization && { standardization }),
    ...(augmentations && { augmentations }),
  };
}

function requirePerChannel(standardization: Standardization, { name, shape }: Dataset): void {
  const channels = shape.at(-1) ?? 1;
  for (const key of ['mean', 'std'] as const) {
    const { length } = standardization[key];
    if (length === 1 || length === channels) continue;
    throw new Failure(
      'input',
      `dataset.normalize.${key}: has ${length} numbers, the last axis of ${name} has ${channels}, [${shape.join(', ')}]: give one number, or one for each`,
    );
  }
}

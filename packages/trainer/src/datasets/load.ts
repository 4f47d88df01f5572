import { Failure } from '@prunegrid/core/failure';
import { changedFailure } from '@prunegrid/core/files';

import { defaultExport } from '../module-file.js';
import type { DatasetChoice } from './choice.js';
import type { Dataset, DatasetSource } from './dataset.js';
import type { DataHost } from './host.js';
import { fingerprintOf } from './files/fingerprint.js';
import { isDatasetPath, isModule } from './files/opened.js';
import { filesOf, loadFiles, openChoice } from './files/source.js';
import { prepared } from './prepared.js';
import { datasets } from './registry.js';

/**
 * Loads the data set that is chosen, by its name or its path, and applies the choice's normalization and augmentations.
 * @throws {Failure} `input` if it cannot be loaded, has another hash than the choice says, or is not fit for what is
 *   asked
 */
export async function loadDataset(choice: DatasetChoice, host: DataHost): Promise<Dataset> {
  const { name } = choice;
  if (datasets.find(name) || !isDatasetPath(name)) {
    const dataset = await datasets.get(name).load(choice, host);
    requireSame(choice, dataset.hash);
    return prepared(dataset, choice);
  }
  if (isModule(name)) {
    // The hash is that of the module itself.
    const files = await fingerprintOf([{ role: 'module', path: name }], host.files);
    requireSame(choice, files.sha256);
    const dataset = await (await moduleSource(name, files.sha256)).load({ ...choice, sha256: files.sha256 }, host);
    return { ...prepared(dataset, choice), files };
  }
  const opened = await openChoice(choice, host);
  const files = await fingerprintOf(filesOf(opened), host.files);
  requireSame(choice, files.sha256);
  const dataset = await loadFiles({ ...choice, sha256: files.sha256 }, host, opened);
  return { ...prepared(dataset, choice), files };
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

/** Throws Failure if the module exports no data set. */
async function moduleSource(name: string, sha256: string): Promise<DatasetSource> {
  const source = (await defaultExport(name, sha256)) as Partial<DatasetSource> | undefined;
  if (typeof source?.load === 'function') return { name, load: source.load.bind(source) };
  throw new Failure(
    'input',
    `${name}: exports no data set by default: "export default { name, load(choice) { ... } }"`,
  );
}

function requireSame({ name, sha256 }: DatasetChoice, found: string | undefined): void {
  if (sha256 === undefined || found === undefined || sha256 === found) return;
  throw changedFailure(name, 'other data', found, sha256);
}

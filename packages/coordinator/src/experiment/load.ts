import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { dirname } from 'node:path';

import { checkAgainstCatalogue, type Catalogue } from './check.js';
import { withAbsolutePaths, withFiles } from './files.js';
import { applyOverride } from './override.js';
import { Places } from './places.js';
import { failureOf, problemsOf, requirement } from './problems.js';
import { readSource } from './source.js';
import { specSchema, type Spec } from './spec.js';
import { type PlainMap, readYaml } from './yaml.js';

/** The source of a spec, which the run folder keeps and later messages refer to. */
export interface SpecSource {
  file: string;
  /** The file's text, including comments and before overrides are applied. */
  text: string;
  /** The values of --set, in their order. */
  overrides: readonly string[];
  places: Places;
}

/**
 * Reads an experiment, applies its overrides and checks it against what can be trained. It reads models and
 * data that are in files.
 * @param overrides texts of the form `key=value`, see `applyOverride`; later ones win
 * @throws {Failure} `input`, with one line for each problem, which states the place, the key, what was found and what
 *   is allowed
 */
export async function loadSpec(
  runtime: Pick<Host, 'clock' | 'files' | 'machine'>,
  file: string,
  overrides: readonly string[],
  catalogue: Catalogue,
): Promise<{ spec: Spec; source: SpecSource }> {
  const text = await readSource(runtime, file);
  const places = new Places();
  const spec = parseSpec(text, file, overrides, catalogue, places);
  return { spec: await withFiles(spec, catalogue, runtime, places), source: { file, text, overrides, places } };
}

/** Does the same as `loadSpec` without a look at the model and the data that are in files, which need not be there. */
export const readSpec = async (
  runtime: Pick<Host, 'files'>,
  file: string,
  overrides: readonly string[],
  catalogue: Catalogue,
): Promise<Spec> => parseSpec(await readSource(runtime, file), file, overrides, catalogue);

/** Does the same as `loadSpec` for a text instead of a file, without a look at files. Adds to `places`. */
export function parseSpec(
  text: string,
  file: string,
  overrides: readonly string[],
  catalogue: Catalogue,
  places = new Places(),
): Spec {
  const root = readExperiment(text, file, places);
  for (const override of overrides) applyOverride(root, override, places);
  return resolveSpec(root, catalogue, places, dirname(file));
}

/** Whether the file or an override names the engine, so that it is no default. */
export const namesEngine = ({ file, text, overrides }: SpecSource): boolean =>
  'engine' in readExperiment(text, file, new Places()) || overrides.some((each) => each.startsWith('engine='));

/** Returns the keys of an experiment file before validation. Adds to `places`. */
export function readExperiment(text: string, file: string, places: Places): PlainMap {
  places.add([], { key: `${file}:1:1`, value: `${file}:1:1` });
  const root = readYaml(text, (line, column) => `${file}:${line}:${column}`, places);
  if (root === null)
    throw new Failure('input', `${file}: empty; an experiment needs keys such as model, dataset and keep`);
  if (typeof root !== 'object' || Array.isArray(root)) {
    throw new Failure('input', `${places.ofValue([])}: an experiment must be a map of keys, such as "model: lenet5"`);
  }
  if ('base' in root && !('model' in root)) {
    throw new Failure(
      'input',
      `${file}: a sweep, not one experiment: see its trials with prunegrid sweep plan ${file}`,
    );
  }
  return root;
}

/**
 * Fills in defaults and checks the experiment against what can be trained.
 * @param folder that of the experiment, from which its paths are seen
 */
export function resolveSpec(root: PlainMap, catalogue: Catalogue, places: Places, folder: string): Spec {
  const parsed = specSchema.safeParse(root, { reportInput: true, error: requirement });
  if (!parsed.success) throw failureOf(problemsOf(parsed.error.issues), places);
  checkAgainstCatalogue(parsed.data, catalogue, places);
  return withAbsolutePaths(parsed.data, folder);
}

import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { checkAgainstCatalogue, type Catalogue } from './check.js';
import { applyOverride } from './override.js';
import { Places } from './places.js';
import { failureOf, problemsOf, requirement } from './problems.js';
import { readSource } from './source.js';
import { specSchema, type Spec } from './spec.js';
import { type PlainMap, readYaml } from './yaml.js';

/** Where a spec came from, for the run folder and for later messages. */
export interface SpecSource {
  file: string;
  /** The file as it was read, comments included; overrides not applied. */
  text: string;
  /** What was given with --set, in order. */
  overrides: readonly string[];
  places: Places;
}

/**
 * Reads an experiment, applies its overrides and holds it against what can be trained.
 * @param overrides `key=value` each, see `applyOverride`; later ones win
 * @throws Failure `input`; one line for each problem found, each with its place, the key, what is there and what may be
 */
export async function loadSpec(
  runtime: Pick<Host, 'files'>,
  file: string,
  overrides: readonly string[],
  catalogue: Catalogue,
): Promise<{ spec: Spec; source: SpecSource }> {
  const text = await readSource(runtime, file);
  const places = new Places();
  return { spec: parseSpec(text, file, overrides, catalogue, places), source: { file, text, overrides, places } };
}

/** `loadSpec` without the file system; fills in `places`. */
export function parseSpec(
  text: string,
  file: string,
  overrides: readonly string[],
  catalogue: Catalogue,
  places = new Places(),
): Spec {
  const root = readExperiment(text, file, places);
  for (const override of overrides) applyOverride(root, override, places);
  return resolveSpec(root, catalogue, places);
}

/** The keys of an experiment file, not yet validated; fills in `places`. */
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

/** Fills in defaults and holds the experiment against what can be trained. */
export function resolveSpec(root: PlainMap, catalogue: Catalogue, places: Places): Spec {
  const parsed = specSchema.safeParse(root, { reportInput: true, error: requirement });
  if (!parsed.success) throw failureOf(problemsOf(parsed.error.issues), places);
  checkAgainstCatalogue(parsed.data, catalogue, places);
  return parsed.data;
}

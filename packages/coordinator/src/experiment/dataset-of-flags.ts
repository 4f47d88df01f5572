import { Failure } from '@prunegrid/core/failure';
import type { DatasetChoice } from '@prunegrid/trainer/datasets';
import { z } from 'zod';

import { withAbsolutePaths } from './files.js';
import { applyOverride } from './override.js';
import { Places } from './places.js';
import { failureOf, problemsOf, requirement } from './problems.js';
import { datasetSchema } from './spec.js';
import type { PlainMap } from './yaml.js';

const schema = z.strictObject({ dataset: datasetSchema });

/**
 * Returns the data set that a command line without an experiment chooses.
 * @param name the value of --data: a registered name, or a path seen from the working folder
 * @param overrides the values of --set, of keys below `dataset`
 * @throws {Failure} `input`, which names the flag
 */
export function datasetOfFlags(name: string, overrides: readonly string[]): DatasetChoice {
  const places = new Places();
  places.add([], { key: '--data', value: '--data' });
  places.add(['dataset', 'name'], { key: '--data', value: '--data' });
  const root: PlainMap = { dataset: { name } };
  for (const override of overrides) {
    if (!override.startsWith('dataset.')) {
      throw new Failure(
        'input',
        `--set ${override}: without an experiment there are only keys of dataset, such as dataset.normalize`,
      );
    }
    applyOverride(root, override, places);
  }
  const parsed = schema.safeParse(root, { reportInput: true, error: requirement });
  if (!parsed.success) throw failureOf(problemsOf(parsed.error.issues), places);
  const { shift: _, ...choice } = withAbsolutePaths({ model: '', ...parsed.data }, '.').dataset;
  return choice;
}

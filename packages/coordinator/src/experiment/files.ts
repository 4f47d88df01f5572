import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { isDatasetPath, isLabelFile, loadDataset, misfit } from '@prunegrid/trainer/datasets';
import { loadObjective } from '@prunegrid/trainer/losses';
import { absoluteReference, isModelPath, type ModelDescription, models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { resolve } from 'node:path';

import { type Catalogue, checkAgainstModel, type ModelOutline } from './check.js';
import { readMeasured } from './sensitivity-file.js';
import { layerRules } from './layer-rules.js';
import type { Places } from './places.js';
import { failureOf } from './problems.js';
import type { Spec } from './spec.js';
import { absoluteWeights, checkWeights, type StartingWeights } from './starting-weights.js';

/** Returns the spec with the paths of its model and data seen from `folder`, the experiment's, made absolute. */
export function withAbsolutePaths<
  Of extends Pick<Spec, 'dataset' | 'model'> & Partial<Pick<Spec, 'weights' | 'budget' | 'loss' | 'metrics'>>,
>(experiment: Of, folder: string): Of {
  const { weights, budget, loss, metrics } = experiment;
  const spec = {
    ...experiment,
    model: absoluteReference(experiment.model, folder),
    ...(weights && { weights: absoluteWeights(weights, folder) }),
    ...(budget?.measured && {
      budget: { ...budget, measured: { ...budget.measured, file: resolve(folder, budget.measured.file) } },
    }),
    ...(loss !== undefined && { loss: absoluteReference(loss, folder) }),
    ...(metrics && { metrics: metrics.map((metric) => absoluteReference(metric, folder)) }),
  };
  const { name, validation, test, labels } = spec.dataset;
  if (!isDatasetPath(name)) return spec;
  const absolute = <Value>(value: Value) => (typeof value === 'string' ? resolve(folder, value) : value);
  return {
    ...spec,
    dataset: {
      ...spec.dataset,
      name: resolve(folder, name),
      validation: absolute(validation),
      test: absolute(test),
      ...(labels !== undefined && isLabelFile(labels) && { labels: resolve(folder, labels) }),
    },
  };
}

/** What was found out about files, by what a spec says of them, so that the trials of a sweep read each file once. */
export class KnownFiles {
  private readonly found = new Map<string, unknown>();

  /**
   * Returns what `read` has returned for the same `asked`, which names the kind of a file and all that the reading depends on. It
   * must not be changed.
   */
  async recall<T>(asked: readonly unknown[], read: () => Promise<T>): Promise<T> {
    const key = JSON.stringify(asked);
    const found = this.found.has(key) ? (this.found.get(key) as T) : await read();
    this.found.set(key, found);
    return found;
  }
}

/**
 * Reads the files that a spec names, and returns the spec with their hashes, so that it says which network and which
 * data it is about: its keys differ from those of a spec with others, and trainers refuse others. What is wrong with
 * the files is thus said before any trainer starts. A registered data set is left to the trainers.
 *
 * @throws {Failure} `input`, which names the place in the spec, if the files cannot be read, are not those that the spec
 *   says, or do not fit each other or the spec
 */
export async function withFiles(
  spec: Spec,
  catalogue: Pick<Catalogue, 'models'>,
  runtime: Pick<Host, 'clock' | 'files' | 'machine'>,
  places: Places,
  known = new KnownFiles(),
): Promise<Spec> {
  const model = await modelOf(spec, runtime, places, known);
  const network = outlineOf(model, catalogue);
  const chosen = await objectiveOf(spec, network, runtime, places);
  const outline = chosen ? { ...network, objective: chosen.objective } : network;
  const values = chosen?.objective.loss?.targets === 'values';
  const weights = spec.weights && (await checkedWeights(spec.weights, models.get(model), runtime, places, known));
  const budget = await budgetOf(spec, outline, runtime, places, known);
  const loaded: Spec = {
    ...spec,
    model,
    ...(weights && { weights }),
    ...(budget && { budget }),
    ...chosen?.choice,
    // There is no accuracy without classes.
    ...(values && { choose: spec.choose === 'accuracy' ? 'loss' : spec.choose }),
    dataset: { ...spec.dataset, ...(values && { targets: 'values' as const }) },
  };
  if (isModelPath(model)) {
    const problems = checkAgainstModel(loaded, outline);
    if (problems.length > 0) throw failureOf(problems, places);
  }
  const { dataset } = loaded;
  if (!isDatasetPath(dataset.name)) {
    if (values) {
      const problem = `${dataset.name} has classes, and loss: ${spec.loss} compares outputs with values: name data with values`;
      throw failureOf([{ path: ['dataset', 'name'], on: 'value', text: problem }], places);
    }
    return loaded;
  }
  const { shift: _, limit: _unused, ...choice } = dataset;
  const sha256 = await known.recall(['dataset', model, choice], () => examine(loaded, outline, runtime, places));
  return { ...loaded, dataset: { ...dataset, sha256 } };
}

/** Returns the properties of a model that is available: a registered one, or one that was loaded from files. */
export const outlineOf = <Outline extends ModelOutline>(
  name: string,
  { models: registered }: { models: readonly Outline[] },
): Outline => (registered.find((model) => model.name === name) ?? models.get(name)) as Outline;

/** Loads the spec's model, and returns the name by which it is available. */
async function modelOf(
  { model }: Spec,
  runtime: Pick<Host, 'clock' | 'files' | 'machine'>,
  places: Places,
  known: KnownFiles,
): Promise<string> {
  if (!isModelPath(model)) return model;
  try {
    return await known.recall(['model', model], () => loadModel(model, runtime));
  } catch (error) {
    throw placed(error, places, ['model'], 'model');
  }
}

async function checkedWeights(
  weights: StartingWeights,
  model: ModelDescription,
  runtime: Pick<Host, 'files'>,
  places: Places,
  known: KnownFiles,
): Promise<StartingWeights> {
  try {
    return await known.recall(['weights', weights, model.name], () => checkWeights(weights, model, runtime));
  } catch (error) {
    throw placed(error, places, ['weights'], 'weights');
  }
}

/** Returns the spec's budget with the hash of its measurement, which must have all layers that are pruned. */
async function budgetOf(
  spec: Spec,
  { name, parameters }: ModelOutline,
  runtime: Pick<Host, 'files'>,
  places: Places,
  known: KnownFiles,
): Promise<Spec['budget']> {
  const { budget } = spec;
  if (!budget?.measured) return budget;
  const { file } = budget.measured;
  try {
    const { sha256, measured } = await recallMeasured(budget.measured, runtime, known);
    const layers = parameters
      .filter(({ kind }) => kind === 'weight')
      .map(({ layer, shape }) => ({ name: layer, shape }));
    const missing = layerRules(spec, name, layers).prunable.find((layer) => !measured.has(layer.name));
    if (!missing) return { ...budget, measured: { file, sha256 } };
    throw new Failure(
      'input',
      `${file}: has no measurement of ${missing.name}: measure this network, with all layers that are pruned`,
    );
  } catch (error) {
    throw placed(error, places, ['budget', 'measured'], 'budget.measured');
  }
}

/** Does what `readMeasured` says, once for each file. */
export const recallMeasured = (
  named: Parameters<typeof readMeasured>[0],
  runtime: Pick<Host, 'files'>,
  known: KnownFiles,
): ReturnType<typeof readMeasured> => known.recall(['measured', named], () => readMeasured(named, runtime));

/** Loads the spec's loss and metrics; undefined if it names none. */
async function objectiveOf(
  spec: Spec,
  { name, classes }: ModelOutline,
  runtime: Pick<Host, 'clock' | 'files' | 'machine'>,
  places: Places,
): ReturnType<typeof loadObjective> {
  if (spec.loss === undefined && spec.metrics === undefined) return undefined;
  if (classes === undefined) throw new Error(`${name} does not say how many outputs it has`);
  try {
    return await loadObjective(spec, classes, runtime);
  } catch (error) {
    const [, key = 'loss'] = (error instanceof Failure && /^(loss|metrics): /.exec(error.message)) || [];
    if (!(error instanceof Failure)) throw error;
    throw new Failure('input', `${places.ofValue([key])}: ${error.message}`, { cause: error });
  }
}

async function examine(
  { dataset: choice }: Spec,
  { name, input, classes, objective }: ModelOutline,
  runtime: Pick<Host, 'clock' | 'files' | 'machine'>,
  places: Places,
): Promise<string> {
  try {
    const dataset = await loadDataset(choice, runtime);
    const problem =
      input && classes !== undefined
        ? misfit({ name, input, classes, ...(objective && { objective }) }, dataset)
        : undefined;
    if (problem !== undefined) throw new Failure('input', problem);
    return dataset.files?.sha256 ?? dataset.hash;
  } catch (error) {
    const [, key = 'name'] = (error instanceof Failure && /^dataset\.(\w+)/.exec(error.message)) || [];
    throw placed(error, places, ['dataset', key], 'dataset.name');
  }
}

/** Returns the failure with its place in the spec. */
function placed(error: unknown, places: Places, path: string[], key: string): unknown {
  if (!(error instanceof Failure)) return error;
  const message = error.message.startsWith('dataset.') ? error.message : `${key}: ${error.message}`;
  return new Failure('input', `${places.ofValue(path)}: ${message}`, { cause: error });
}

import { loadRecorded } from '@prunegrid/coordinator/extension';
import { journalFile, readJournal } from '@prunegrid/coordinator/journal/reading';
import { countLayers, resultOf } from '@prunegrid/coordinator/training/layers';
import {
  type LayerResult,
  runJournal,
  type RunManifest,
  type RunResult,
} from '@prunegrid/coordinator/training/records';
import { Failure } from '@prunegrid/core/failure';
import { readSafetensors } from '@prunegrid/core/safetensors';
import { type DatasetChoice, loadDataset } from '@prunegrid/trainer/datasets';
import { DEFAULT_ENGINE, engines } from '@prunegrid/trainer/engines';
import { absoluteReference, fromFile, isModelPath, modelTitle, models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { computationOf } from '@prunegrid/trainer/models/trace';
import { join } from 'node:path';

import { type ApiContext, ignore, type Notices } from './context.js';

/** The number of images that are evaluated together. */
const BLOCK = 500;
/** The data set on which a model file is evaluated if it is not in a run folder. */
const wholeDataset: DatasetChoice = { name: 'mnist', validation: 5000 };

export interface EvaluateOptions extends Notices {
  /** The network. By default, the one that the file's metadata name. */
  model?: string;
  /** Absolute paths of extensions that are loaded already. They take the place of those that the run was made with. */
  extensions?: readonly string[];
}

/** The content of a model file and its accuracy. Accuracies are shares of correct answers. */
export interface ModelEvaluation {
  file: string;
  model: string;
  testAccuracy: number;
  testImages: number;
  validationAccuracy: number;
  validationImages: number;
  /** Top-5 accuracies, if there are more than five classes. */
  testTop5?: number;
  validationTop5?: number;
  layers: LayerResult[];
  total: RunResult['total'];
}

export async function evaluateModel(
  place: string,
  options: EvaluateOptions,
  { runtime }: ApiContext,
): Promise<ModelEvaluation> {
  const isFolder = (await runtime.files.status(place))?.kind === 'folder';
  const file = isFolder ? join(place, 'model.safetensors') : place;
  const run = isFolder ? await manifestOf(place, runtime) : undefined;
  const { extensions: named = [], onWarning = ignore } = options;
  await loadRecorded(runtime, place, run?.extensions ?? [], named, onWarning);
  const { tensors, metadata } = await readSafetensors(runtime, file);
  const name = options.model ?? run?.spec.model ?? metadata['model'];
  if (name === undefined)
    throw new Failure(
      'input',
      `${file}: does not say which network it holds: add --model ${models.names.join(' or ')}`,
    );
  if (options.model === undefined && !run && isModelPath(name)) {
    throw new Failure('input', `${file}: holds ${name}, which is a network in a file: add --model with its path`);
  }
  if (!models.find(name) && !isModelPath(name)) {
    throw new Failure(
      'input',
      `--model: no model ${name}; there is ${models.names.join(', ')}, or give the network's file`,
    );
  }
  const model = models.get(await loadModel(absoluteReference(name, '.'), runtime));
  const parameters = await fromFile(runtime.clock, model, tensors, file);

  const source = engines.get(DEFAULT_ENGINE);
  await source.provision(options.onInstall ?? ignore);
  const choice: DatasetChoice = run?.spec.dataset ?? wholeDataset;
  const dataset = await loadDataset(choice, runtime);
  const engine = await source.load({ threads: 1, clock: runtime.clock });
  const evaluator = await engine.openEvaluator(model, dataset, parameters);
  const accuraciesOn = async (part: 'validation' | 'test') => {
    const { count } = dataset[part];
    const blocks = { blockSize: BLOCK, firstBlock: 0, blocks: Math.ceil(count / BLOCK) };
    const { correct, top5 } = await evaluator.evaluate({ part, ...blocks });
    return { accuracy: correct / count, top5: top5 === undefined ? undefined : top5 / count };
  };
  const test = await accuraciesOn('test');
  const validation = await accuraciesOn('validation');
  return {
    file,
    model: modelTitle(name),
    testAccuracy: test.accuracy,
    testImages: dataset.test.count,
    validationAccuracy: validation.accuracy,
    validationImages: dataset.validation.count,
    ...(test.top5 !== undefined && { testTop5: test.top5 }),
    ...(validation.top5 !== undefined && { validationTop5: validation.top5 }),
    ...resultOf(model, countLayers(model, parameters), computationOf(model)),
  };
}

/** Returns the manifest of the folder's run, or undefined if the folder has no journal. */
async function manifestOf(folder: string, runtime: ApiContext['runtime']): Promise<RunManifest | undefined> {
  if (!(await runtime.files.status(journalFile(folder)))) return undefined;
  const [first] = await readJournal(runtime, folder, runJournal);
  return first?.type === 'run-started' ? first.manifest : undefined;
}

import { journalFile, readJournal } from '@prunegrid/coordinator/journal/reading';
import { countLayers, totalOf } from '@prunegrid/coordinator/training/layers';
import { type LayerCount, runJournal, type RunResult } from '@prunegrid/coordinator/training/records';
import { Failure } from '@prunegrid/core/failure';
import { readSafetensors } from '@prunegrid/core/safetensors';
import { type DatasetChoice, evaluationBlocks, type LabelledImages, loadDataset } from '@prunegrid/trainer/datasets';
import { requireEngine } from '@prunegrid/trainer/engines/require-engine';
import { loadTensorFlow } from '@prunegrid/trainer/engines/tensorflow/tensorflow';
import { fromFile, models } from '@prunegrid/trainer/models';
import { join } from 'node:path';

import { type ApiContext, ignore, type Notices } from './context.js';

/** Images that are evaluated together. */
const BLOCK = 500;
/** What a model file that is in no run folder is evaluated on. */
const wholeDataset: DatasetChoice = { name: 'mnist', validation: 5000 };

export interface EvaluateOptions extends Pick<Notices, 'onInstall'> {
  /** The network. Default: the one that the file's metadata name. */
  model?: string;
}

/** What a model file holds and how good it is. Accuracies are shares of correct answers. */
export interface ModelEvaluation {
  file: string;
  model: string;
  testAccuracy: number;
  testImages: number;
  validationAccuracy: number;
  validationImages: number;
  layers: LayerCount[];
  total: RunResult['total'];
}

export async function evaluateModel(
  place: string,
  options: EvaluateOptions,
  { runtime }: ApiContext,
): Promise<ModelEvaluation> {
  const isFolder = (await runtime.files.status(place))?.kind === 'folder';
  const file = isFolder ? join(place, 'model.safetensors') : place;
  const { tensors, metadata } = await readSafetensors(runtime, file);
  const name = options.model ?? metadata['model'];
  if (name === undefined)
    throw new Failure(
      'input',
      `${file}: does not say which network it holds: add --model ${[...models.keys()].join(' or ')}`,
    );
  const model = models.get(name);
  if (!model) throw new Failure('input', `--model: no model ${name}; there is ${[...models.keys()].join(', ')}`);
  const parameters = await fromFile(model, tensors, file);
  const layers = countLayers(model, parameters);

  await requireEngine(options.onInstall ?? ignore);
  const dataset = await loadDataset((isFolder && (await datasetOf(place, runtime))) || wholeDataset);
  const network = loadTensorFlow(1).open(model);
  network.setParameters(parameters);
  const accuracy = (part: LabelledImages) => {
    let correct = 0;
    const blocks = Math.ceil(part.count / BLOCK);
    for (const batch of evaluationBlocks(part, BLOCK, 0, blocks)) correct += network.score(batch).correct;
    return correct / part.count;
  };
  return {
    file,
    model: name,
    testAccuracy: accuracy(dataset.test),
    testImages: dataset.test.count,
    validationAccuracy: accuracy(dataset.validation),
    validationImages: dataset.validation.count,
    layers,
    total: totalOf(layers),
  };
}

/** The data that the folder's run was evaluated on itself; undefined if the folder has no journal. */
async function datasetOf(folder: string, runtime: ApiContext['runtime']): Promise<DatasetChoice | undefined> {
  if (!(await runtime.files.status(journalFile(folder)))) return undefined;
  const [first] = await readJournal(runtime, folder, runJournal);
  if (first?.type !== 'run-started') return undefined;
  const { name, validation, limit } = first.manifest.spec.dataset;
  return { name, validation, ...(limit !== undefined && { limit }) };
}

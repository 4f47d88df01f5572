import { datasetOfFlags } from '@prunegrid/coordinator/experiment/dataset-of-flags';
import { layerRules, type PruningKeys } from '@prunegrid/coordinator/experiment/layer-rules';
import { readJournal } from '@prunegrid/coordinator/journal/reading';
import {
  readSensitivity,
  type Sensitivity,
  sensitivityFormat,
} from '@prunegrid/coordinator/experiment/sensitivity-file';
import { measureSensitivity, type Scores } from '@prunegrid/coordinator/sensitivity/measure';
import { sensitivityPage } from '@prunegrid/coordinator/sensitivity/page';
import { loadRecorded } from '@prunegrid/coordinator/extension';
import { readModel } from '@prunegrid/coordinator/training/model-file';
import { readStartingWeights } from '@prunegrid/coordinator/training/starting-weights';
import { runJournal } from '@prunegrid/coordinator/training/records';
import { checkpointFile } from '@prunegrid/coordinator/training/run-folder';
import { Failure } from '@prunegrid/core/failure';
import { writeText } from '@prunegrid/core/files';
import { writeStored } from '@prunegrid/core/formats';
import type { Runtime } from '@prunegrid/core/runtime';
import { type Dataset, type DatasetChoice, loadDataset } from '@prunegrid/trainer/datasets';
import { DEFAULT_ENGINE, type Engine, engines } from '@prunegrid/trainer/engines';
import { type Model, models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { basename, join } from 'node:path';

import { type ApiContext, ignore, type Notices } from './context.js';
import { interruptible } from './interruptible.js';
import { findModel } from './model.js';

/** The compression ratios at which a layer is measured by default. */
const RATIOS = [2, 5, 10, 20, 50, 100];

/** The number of images that are evaluated together, as trainers do it. */
const BLOCK = 100;

export interface SensitivityOptions extends Notices {
  /** The folder for `sensitivity.json` and `sensitivity.html`. What an earlier call has measured there is used. */
  folder: string;
  /** The data on which a network's file is evaluated: a registered name or a path. An experiment or a run names its own. */
  data?: string;
  /** Entries of the form `key=value`, which replace values of the experiment, or add some to `data`. */
  set?: readonly string[];
  /** The compression ratios of each layer, each above 1. By default 2, 5, 10, 20, 50 and 100. */
  ratios?: readonly number[];
  /** The number of held-out images that are used, rounded up to whole hundreds. By default all. */
  images?: number;
  /** Absolute paths of extensions that are loaded already. They take the place of those that the run was made with. */
  extensions?: readonly string[];
  /** When this signal aborts, the call ends after the current point. Another call with the same folder goes on. */
  signal?: AbortSignal;
  /** Called with all that is measured so far, after each point. */
  onPoint?: (sensitivity: Sensitivity) => void;
}

/** A trained network, and what it is evaluated on. */
interface Subject {
  model: Model;
  parameters: Float32Array;
  choice: DatasetChoice;
  engine: string;
  /** Says which layers are pruned. */
  keys: PruningKeys;
}

export async function measure(
  place: string,
  options: SensitivityOptions,
  { runtime }: ApiContext,
): Promise<Sensitivity> {
  const { folder, images: most = Infinity, onPoint = ignore, signal: stop } = options;
  const ratios = sortedRatios(options.ratios ?? RATIOS);
  const subject = await subjectOf(place, options, runtime);
  const { model, parameters, choice, engine: name } = subject;
  const shapes = model.parameters
    .filter(({ kind }) => kind === 'weight')
    .map(({ layer, shape }) => ({ name: layer, shape }));
  const layers = layerRules(subject.keys, model.name, shapes).prunable.map((layer) => layer.name);
  const file = join(folder, 'sensitivity.json');
  const earlier = (await runtime.files.status(file)) ? await readSensitivity(runtime, file) : undefined;
  const dataset = await loadDataset(choice, runtime);
  const source = engines.get(name);
  await source.provision(options.onInstall ?? ignore);
  const engine = await source.load({ threads: runtime.machine.cores, clock: runtime.clock });
  const images = Math.min(most, dataset.validation.count);
  await runtime.files.makeFolder(folder);
  const remedy = `go on by the same command with --out ${folder}`;
  return interruptible(stop, remedy, async (signal) => {
    const measured = await measureSensitivity({
      runtime,
      model,
      parameters,
      layers,
      ratios,
      about: {
        data: { name: basename(choice.name), sha256: dataset.hash, images: countOf(images, dataset) },
        engine: name,
      },
      evaluate: (pruned) => evaluate(engine, model, dataset, pruned, images),
      earlier,
      signal,
      async onPoint(sensitivity) {
        await writeStored(runtime, file, sensitivityFormat, sensitivity);
        onPoint(sensitivity);
      },
    }).catch((error: unknown) => {
      if (!(error instanceof Failure) || !error.message.startsWith('holds ')) throw error;
      throw new Failure('input', `${folder}: ${error.message}`, { cause: error });
    });
    await writeText(runtime, join(folder, 'sensitivity.html'), sensitivityPage(measured));
    return measured;
  });
}

function sortedRatios(ratios: readonly number[]): number[] {
  const bad = ratios.find((ratio) => !(ratio > 1) || !Number.isFinite(ratio));
  if (bad !== undefined) throw new Failure('input', `--ratios: found ${bad}; each must be above 1`);
  if (ratios.length === 0) throw new Failure('input', '--ratios: give at least one, such as --ratios 2,10,50');
  return [...new Set(ratios)].sort((a, b) => a - b);
}

const countOf = (images: number, { validation }: Dataset): number =>
  Math.min(Math.ceil(images / BLOCK) * BLOCK, validation.count);

async function evaluate(
  engine: Engine,
  model: Model,
  dataset: Dataset,
  parameters: Float32Array,
  images: number,
): Promise<Scores> {
  const evaluator = await engine.openEvaluator(model, dataset, parameters);
  try {
    const blocks = { blockSize: BLOCK, firstBlock: 0, blocks: Math.ceil(images / BLOCK) };
    const { losses, correct } = await evaluator.evaluate({ part: 'validation', ...blocks });
    const count = countOf(images, dataset);
    return { accuracy: correct / count, loss: losses.reduce((sum, loss) => sum + loss, 0) / count };
  } finally {
    evaluator.close();
  }
}

async function subjectOf(place: string, options: SensitivityOptions, runtime: Runtime): Promise<Subject> {
  const { data, set = [] } = options;
  if ((await runtime.files.status(place))?.kind === 'folder') {
    if (set.length > 0)
      throw new Failure('input', `--set ${set[0]}: the run in ${place} has its experiment: leave it out`);
    if (data !== undefined) throw ofItsOwn(place);
    return subjectOfRun(place, options, runtime);
  }
  const isExperiment = /\.ya?ml$/i.test(place);
  if (isExperiment && data !== undefined) throw ofItsOwn(place);
  const { reference, spec } = await findModel(place, isExperiment ? set : [], runtime);
  const model = models.get(reference);
  const parameters = spec?.weights
    ? await readStartingWeights(spec.weights, model, runtime)
    : await model.pretrained?.();
  if (!parameters) {
    throw new Failure(
      'input',
      `${place}: ${model.name} comes without trained weights: train it by prunegrid run, and name the folder of the run`,
    );
  }
  if (spec) return { model, parameters, choice: choiceOf(spec.dataset), engine: spec.engine, keys: spec };
  if (data === undefined) {
    throw new Failure(
      'input',
      `${place}: name the data to evaluate it on by --data, or an experiment instead of the network`,
    );
  }
  return { model, parameters, choice: datasetOfFlags(data, set), engine: DEFAULT_ENGINE, keys: {} };
}

async function subjectOfRun(
  folder: string,
  { extensions = [], onWarning = ignore }: SensitivityOptions,
  runtime: Runtime,
): Promise<Subject> {
  const [first] = await readJournal(runtime, folder, runJournal);
  if (first?.type !== 'run-started')
    throw new Failure('input', `${folder}: holds no run: name a folder that prunegrid run has made`);
  const { spec, extensions: recorded = [] } = first.manifest;
  await loadRecorded(runtime, folder, recorded, extensions, onWarning);
  const model = models.get(await loadModel(spec.model, runtime));
  const parameters = await readModel(runtime, join(folder, checkpointFile('dense')), model);
  return { model, parameters, choice: choiceOf(spec.dataset), engine: spec.engine, keys: spec };
}

const choiceOf = ({ shift: _, ...choice }: DatasetChoice & { shift: number }): DatasetChoice => choice;

const ofItsOwn = (place: string): Failure =>
  new Failure('input', `--data: ${place} names its data: leave the flag out`);

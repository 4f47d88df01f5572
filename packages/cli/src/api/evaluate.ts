import { countLayers, resultOf } from '@prunegrid/coordinator/training/layers';
import type { LayerResult, RunResult } from '@prunegrid/coordinator/training/records';
import { type DatasetChoice, loadDataset } from '@prunegrid/trainer/datasets';
import { DEFAULT_ENGINE, engines } from '@prunegrid/trainer/engines';
import { compactBytes } from '@prunegrid/trainer/export/compact';
import { loadObjective, withObjective } from '@prunegrid/trainer/losses';
import { modelTitle } from '@prunegrid/trainer/models';
import { computationOf } from '@prunegrid/trainer/models/trace';

import { type ApiContext, ignore, type Notices } from './context.js';
import { readStoredNetwork, type StoredNetworkOptions } from './stored-network.js';

/** The number of images that are evaluated together. */
const BLOCK = 500;
/** The data set on which a model file is evaluated if it is not in a run folder. */
const wholeDataset: DatasetChoice = { name: 'mnist', validation: 5000 };

export interface EvaluateOptions extends Notices, StoredNetworkOptions {}

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
  /** Mean losses, if the run's spec names a loss. */
  testLoss?: number;
  validationLoss?: number;
  layers: LayerResult[];
  total: RunResult['total'];
}

export async function evaluateModel(
  place: string,
  options: EvaluateOptions,
  context: ApiContext,
): Promise<ModelEvaluation> {
  const { runtime } = context;
  const { file, run, name, model: network, parameters } = await readStoredNetwork(place, options, context);
  const objective = (await loadObjective(run?.spec ?? {}, network.classes, runtime))?.objective;
  const model = withObjective(network, objective);
  const { layers, total } = resultOf(model, countLayers(model, parameters), computationOf(model));
  const bytes = await compactBytes(runtime.clock, model, parameters);

  const source = engines.get(DEFAULT_ENGINE);
  await source.provision(options.onInstall ?? ignore);
  const choice: DatasetChoice = run?.spec.dataset ?? wholeDataset;
  const dataset = await loadDataset(choice, runtime);
  const engine = await source.load({ threads: 1, clock: runtime.clock });
  const evaluator = await engine.openEvaluator(model, dataset, parameters);
  const accuraciesOn = async (part: 'validation' | 'test') => {
    const { count } = dataset[part];
    const blocks = { blockSize: BLOCK, firstBlock: 0, blocks: Math.ceil(count / BLOCK) };
    const { losses, correct, top5 } = await evaluator.evaluate({ part, ...blocks });
    return {
      accuracy: dataset.hasTargets ? NaN : correct / count,
      top5: top5 === undefined ? undefined : top5 / count,
      loss: losses.reduce((sum, loss) => sum + loss, 0) / count,
    };
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
    ...(objective?.loss && { testLoss: test.loss, validationLoss: validation.loss }),
    layers,
    total: { ...total, ...(bytes !== undefined && { compactBytes: bytes }) },
  };
}

import { Failure } from '@prunegrid/core/failure';
import type { Runtime } from '@prunegrid/core/runtime';
import type { Dataset as DatasetMessage, Ready, Workload } from '@prunegrid/proto';

import {
  type Dataset,
  type DatasetChoice,
  datasetChoiceSchema,
  describeDataset,
  loadDataset,
} from '../datasets/index.js';
import { loadObjective, withObjective } from '../losses/index.js';
import { loadModel } from '../models/load.js';
import { type Engine, engines, type Precision } from '../engines/index.js';
import { type Model, models } from '../models/index.js';
import { computationOf } from '../models/trace/trace.js';

/** The objects that a trainer uses for all its work. */
export interface LoadedWorkload {
  engine: Engine;
  model: Model;
  dataset: Dataset;
}

/**
 * Loads the engine, the model and the data set, and returns them with their description. The engine is installed first
 * if it is missing. It calls `report` with each line for the user. Throws Failure if one of the three is not available.
 */
export async function loadWorkload(
  { engine: engineName, model: modelName, dataset: choice, threads, precision, loss, metrics }: Workload,
  runtime: Pick<Runtime, 'clock' | 'files' | 'machine'>,
  report: (line: string) => void,
): Promise<{ ready: Ready; loaded: LoadedWorkload }> {
  const source = engines.get(engineName);
  const network = models.get(await loadModel(modelName, runtime));
  const chosen = { loss, metrics: metrics.length > 0 ? metrics : undefined };
  const model = withObjective(network, (await loadObjective(chosen, network.classes, runtime))?.objective);
  const dataset = await loadDataset(choiceOf(choice), { ...runtime, report });
  await source.provision(report);
  const engine = await source.load({ threads, precision: precisionOf(precision), clock: runtime.clock });
  return {
    ready: {
      engine: engine.name,
      engineVersion: engine.version,
      device: engine.device,
      memoryBytes: engine.memoryBytes,
      datasetHash: dataset.hash,
      datasetDescription: JSON.stringify(describeDataset(dataset)),
      trainingImages: dataset.training.count,
      validationImages: dataset.validation.count,
      testImages: dataset.test.count,
      parameters: model.size,
      computation: computationOf(model),
    },
    loaded: { engine, model, dataset },
  };
}

/** Returns the precision that the coordinator names. Throws Failure if there is none of this name. */
function precisionOf(name: string | undefined): Precision | undefined {
  if (name === undefined || name === 'float32' || name === 'tf32') return name;
  throw new Failure('trainers', `the coordinator wants the precision ${name}: are both sides of one version?`);
}

/** Returns the choice of the coordinator, whose schema is that of this side. Throws Failure if it is none. */
function choiceOf(message: DatasetMessage | undefined): DatasetChoice {
  try {
    return datasetChoiceSchema.parse(JSON.parse(message?.choice ?? ''));
  } catch (cause) {
    throw new Failure('trainers', 'the coordinator named no data set: are both sides of one version?', { cause });
  }
}

import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { type ModelOverview, overviewOf } from '@prunegrid/coordinator/report/model/overview';
import { modelPicture } from '@prunegrid/coordinator/report/model/picture';
import { readMeasured } from '@prunegrid/coordinator/experiment/sensitivity-file';
import { Failure } from '@prunegrid/core/failure';
import type { Runtime } from '@prunegrid/core/runtime';
import { describeDataset, loadDataset } from '@prunegrid/trainer/datasets';
import { absoluteReference, isModelPath, models } from '@prunegrid/trainer/models';
import { loadModel } from '@prunegrid/trainer/models/load';
import { graphOf } from '@prunegrid/trainer/models/trace/graph';
import { basename } from 'node:path';

import { catalogue } from './catalogue.js';
import type { ApiContext } from './context.js';

export interface ShowModelOptions {
  /** The compression ratio of the whole network for which keeps are suggested, above 1. */
  ratio?: number;
  /** Entries of the form `key=value`, which replace values of the experiment. */
  set?: readonly string[];
}

/** A network that was asked for, with the experiment that says what is pruned and on which data, if there is one. */
export interface FoundModel {
  reference: string;
  spec?: Spec;
}

export async function showModel(
  place: string,
  { ratio, set = [] }: ShowModelOptions,
  { runtime }: ApiContext,
): Promise<ModelOverview> {
  if (ratio !== undefined && !(ratio > 1)) throw new Failure('input', `--ratio: found ${ratio}; must be above 1`);
  const { reference, spec } = await findModel(place, set, runtime);
  const measured = spec?.budget?.measured && (await readMeasured(spec.budget.measured, runtime)).measured;
  const overview = await overviewOf(reference, models.get(reference), { spec, ratio, measured });
  if (!spec) return overview;
  const data = describeDataset(await loadDataset(spec.dataset, runtime));
  return { ...overview, data: { name: basename(spec.dataset.name), ...data } };
}

export async function drawModel(
  place: string,
  { set = [] }: Pick<ShowModelOptions, 'set'>,
  { runtime }: ApiContext,
): Promise<string> {
  const { reference } = await findModel(place, set, runtime);
  const model = models.get(reference);
  return modelPicture(await overviewOf(reference, model), graphOf(model));
}

export async function findModel(place: string, set: readonly string[], runtime: Runtime): Promise<FoundModel> {
  if (/\.ya?ml$/i.test(place)) {
    const { spec } = await loadSpec(runtime, place, set, catalogue);
    return { reference: spec.model, spec };
  }
  if (set.length > 0) throw new Failure('input', `--set ${set[0]}: is for an experiment, and ${place} is none`);
  if (!isModelPath(place) && !models.find(place)) {
    const known = models.names.join(', ');
    throw new Failure('input', `no model "${place}"; there is ${known}; or give a network's file or an experiment`);
  }
  return { reference: await loadModel(absoluteReference(place, '.'), runtime) };
}

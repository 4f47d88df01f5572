import { readSpec } from '@prunegrid/coordinator/experiment/load';
import { keptIn, prunedLayers, resultOf } from '@prunegrid/coordinator/training/layers';
import type { RunResult } from '@prunegrid/coordinator/training/records';
import type { Host } from '@prunegrid/core/runtime';
import { models } from '@prunegrid/trainer/models';
import { computationOf } from '@prunegrid/trainer/models/trace';

import { catalogue } from '../api/catalogue.js';

/**
 * Returns what an experiment of a registered model keeps and computes, which is known before anything is run, or
 * undefined if it depends on the dense weights. A layer that is not pruned keeps all of its weights.
 * @param overrides as of `--set`
 * @throws {Failure} `input` if the experiment is not valid
 */
export async function plannedBy(
  runtime: Pick<Host, 'files'>,
  file: string,
  overrides: readonly string[],
): Promise<Pick<RunResult, 'layers' | 'total'> | undefined> {
  const spec = await readSpec(runtime, file, overrides, catalogue);
  if (spec.budget) return undefined;
  const model = models.get(spec.model);
  const kept = new Map(prunedLayers(model, spec, new Float32Array()).map((layer) => [layer.name, keptIn(layer)]));
  const counts = model.layers.map(({ name, weights }) => ({ name, weights, kept: kept.get(name) ?? weights }));
  return resultOf(model, counts, computationOf(model));
}

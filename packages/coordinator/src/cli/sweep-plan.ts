import { datasetNames } from '@prunegrid/trainer/datasets';
import { models } from '@prunegrid/trainer/models';

import { renderPlan } from '../report/plan.js';
import { estimateSeconds, measuredTimes } from '../sweep/epoch-times.js';
import { planSweep } from '../sweep/plan.js';

/** `prunegrid sweep plan`: prints every trial and starts nothing. Throws Failure. */
export async function sweepPlan(file: string, { json, trainers }: { json: boolean; trainers: number }): Promise<void> {
  const plan = await planSweep(file, { models: [...models.values()], datasets: datasetNames });
  const estimatedSeconds = estimateSeconds(plan.trials, trainers, await measuredTimes());
  if (json) {
    console.log(JSON.stringify({ ...plan, trainers, estimatedSeconds: estimatedSeconds ?? null }));
    return;
  }
  const weights = (name: string): number =>
    models.get(name)?.layers.reduce((sum, layer) => sum + layer.weights, 0) ?? NaN;
  console.log(renderPlan(plan, weights, { trainers, estimatedSeconds }));
}

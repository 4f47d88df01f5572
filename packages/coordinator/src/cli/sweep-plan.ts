import { datasetNames } from '@prunegrid/trainer/datasets';
import { models } from '@prunegrid/trainer/models';

import { renderPlan } from '../report/plan.js';
import { planSweep } from '../sweep/plan.js';

/** `prunegrid sweep plan`: prints every trial and starts nothing. Throws Failure. */
export async function sweepPlan(file: string, { json }: { json: boolean }): Promise<void> {
  const plan = await planSweep(file, { models: [...models.values()], datasets: datasetNames });
  if (json) {
    console.log(JSON.stringify(plan));
    return;
  }
  const weights = (name: string): number =>
    models.get(name)?.layers.reduce((sum, layer) => sum + layer.weights, 0) ?? NaN;
  console.log(renderPlan(plan, weights));
}

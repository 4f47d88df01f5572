import { renderPlan } from '../../report/plan.js';
import { estimateSeconds, measuredTimes } from '../../sweep/epoch-times.js';
import { planSweep } from '../../sweep/plan.js';
import type { SweepOverrides } from '../../sweep/records.js';
import { catalogue, weightsOfModel } from './catalogue.js';

export interface SweepPlanOptions extends SweepOverrides {
  trainers: number;
  json: boolean;
}

/** `prunegrid sweep plan`: prints every trial and starts nothing. Throws Failure. */
export async function sweepPlan(file: string, { json, trainers, ...overrides }: SweepPlanOptions): Promise<void> {
  const plan = await planSweep(file, catalogue, overrides);
  const estimatedSeconds = estimateSeconds(plan.trials, trainers, await measuredTimes());
  if (json) console.log(JSON.stringify({ ...plan, trainers, estimatedSeconds: estimatedSeconds ?? null }));
  else console.log(renderPlan(plan, weightsOfModel, { trainers, estimatedSeconds }));
}

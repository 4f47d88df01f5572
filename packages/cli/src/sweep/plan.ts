import { nodeHost } from '@prunegrid/core/node';
import { renderPlan } from '@prunegrid/coordinator/report/plan';
import { estimateSeconds, measuredTimes } from '@prunegrid/coordinator/sweep/planner/epoch-times';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import { catalogue, weightsOfModel } from './catalogue.js';

export interface SweepPlanOptions extends SweepOverrides {
  trainers: number;
  json: boolean;
}

/** `prunegrid sweep plan`: prints every trial and starts nothing. Throws Failure. */
export async function sweepPlan(file: string, { json, trainers, ...overrides }: SweepPlanOptions): Promise<void> {
  const plan = await planSweep(file, catalogue, overrides);
  const estimatedSeconds = estimateSeconds(
    plan.trials,
    trainers,
    await measuredTimes(nodeHost, (line) => console.error(line)),
  );
  if (json) console.log(JSON.stringify({ ...plan, trainers, estimatedSeconds: estimatedSeconds ?? null }));
  else console.log(renderPlan(plan, weightsOfModel, { trainers, estimatedSeconds }));
}

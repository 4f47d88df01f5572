import { estimateSeconds, measuredTimes } from '@prunegrid/coordinator/sweep/planner/epoch-times';
import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';

import { weightsOfModel } from '../../api/catalogue.js';
import { planSweep } from '../../api/sweep.js';
import { type CommandEnvironment, complain, print } from '../../environment.js';
import { renderPlan } from '../../tables/sweep-plan.js';

export interface SweepPlanOptions extends SweepOverrides {
  trainers: number;
  json: boolean;
}

/** `prunegrid sweep plan`: prints every trial and starts nothing. Throws Failure. */
export async function sweepPlan(
  file: string,
  { json, trainers, ...overrides }: SweepPlanOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const { plan } = await planSweep(file, overrides, environment);
  const measured = await measuredTimes(runtime, (line) => complain(environment, line));
  const estimatedSeconds = estimateSeconds(plan.trials, trainers, measured, runtime.machine);
  print(
    environment,
    json
      ? JSON.stringify({ ...plan, trainers, estimatedSeconds: estimatedSeconds ?? null })
      : renderPlan(plan, weightsOfModel, { trainers, estimatedSeconds }),
  );
}

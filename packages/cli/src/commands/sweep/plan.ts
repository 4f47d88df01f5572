import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import {
  estimateSeconds,
  firstUnmeasured,
  measuredTimes,
  workloadOverrides,
} from '@prunegrid/coordinator/sweep/planner/epoch-times';
import type { SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import { Failure } from '@prunegrid/core/failure';

import { loadExperiment } from '../../api/experiment.js';
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
  if (json) {
    print(environment, JSON.stringify({ ...plan, trainers, estimatedSeconds: estimatedSeconds ?? null }));
    return;
  }
  const unlike = firstUnmeasured(plan.trials, measured, runtime.machine);
  const measuring = unlike ? await runLike(unlike, plan.base, environment) : '';
  print(environment, renderPlan(plan, { trainers, estimatedSeconds, measuring }));
}

/** Returns the command whose run would measure the time of trials with this spec, for a sentence. */
async function runLike(spec: Spec, base: string, environment: CommandEnvironment): Promise<string> {
  const experiment = await loadExperiment(base, {}, environment).catch((error: unknown) => {
    if (error instanceof Failure && error.kind === 'input') return undefined;
    throw error;
  });
  // A sweep may give what its base lacks, and then the base cannot be run by itself.
  if (!experiment) return 'a run of one of the trials';
  const overrides = workloadOverrides(spec, experiment.spec).map((override) => ` --set ${override}`);
  return `prunegrid run ${base}${overrides.join('')}`;
}

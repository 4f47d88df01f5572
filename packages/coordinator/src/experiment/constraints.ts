import { type BudgetLayer, keepsFor } from '@prunegrid/numerics/budgets';
import { atMost, type ConstraintData } from '@prunegrid/numerics/constraints';

import type { Spec } from './spec.js';

/**
 * What each pruned layer is held to: a count from `keep` or the budget, or what `constraints` says.
 * @param layers all of the model's that have weights
 * @param weightsOf a layer's dense weights; called only if the budget depends on them
 */
export function constraintsOf(
  { keep, budget, constraints = {} }: Pick<Spec, 'keep' | 'budget' | 'constraints'>,
  layers: readonly BudgetLayer[],
  weightsOf: (layer: string) => Float32Array,
): Record<string, ConstraintData> {
  const counts = keep ?? (budget ? keepsFor(budget, layers, weightsOf) : {});
  return {
    ...Object.fromEntries(Object.entries(counts).map(([layer, count]) => [layer, atMost(count)])),
    ...constraints,
  };
}

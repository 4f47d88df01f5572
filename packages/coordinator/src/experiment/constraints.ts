import { type BudgetLayer, keepsFor } from '@prunegrid/numerics/budgets';
import { atMost, type ConstraintData } from '@prunegrid/numerics/constraints';

import type { Spec } from './spec.js';

/**
 * Returns the constraint of each pruned layer: a cardinality from `keep` or the budget, or the constraint in
 * `constraints`.
 * @param layers all layers of the model that have weights
 * @param weightsOf returns a layer's dense weights; it is called only if the budget depends on them
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

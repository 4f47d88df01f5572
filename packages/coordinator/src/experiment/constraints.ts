import { type BudgetLayer, keepsFor } from '@prunegrid/numerics/budgets';
import { atMost, type ConstraintData } from '@prunegrid/numerics/constraints';
import { sizeOf } from '@prunegrid/numerics/shape';

import type { Measured } from './sensitivity-file.js';
import { layerRules, type PruningKeys } from './layer-rules.js';

/**
 * Returns the constraint of each pruned layer, by its name: a cardinality from `keep` or the budget, or the constraint
 * in `constraints`. The spec must have been checked against the layers.
 * @param layers all layers of the model that have weights
 * @param weightsOf returns a layer's dense weights; it is called only if the budget depends on them
 * @param measured what the budget's measurement says, if the budget depends on one
 */
export function constraintsOf(
  spec: PruningKeys,
  layers: readonly BudgetLayer[],
  weightsOf: (layer: string) => Float32Array,
  measured?: Measured,
): Map<string, ConstraintData> {
  const { prunable, held } = layerRules(spec, 'the network', layers);
  if (!spec.budget) return held;
  const counts = keepsFor(spec.budget, prunable, weightsOf, {
    dense: leftDense(layers, prunable),
    sensitivityOf: (layer) => measured?.get(layer) ?? [],
  });
  return new Map(Object.entries(counts).map(([layer, count]) => [layer, atMost(count)]));
}

/** Returns the number of weights of the layers that are not pruned. */
export const leftDense = (layers: readonly BudgetLayer[], prunable: readonly BudgetLayer[]): number =>
  layers.reduce((sum, layer) => sum + (prunable.includes(layer) ? 0 : sizeOf(layer.shape)), 0);

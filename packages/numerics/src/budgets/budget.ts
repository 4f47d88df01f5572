import { project } from '../admm/index.js';
import { erdosRenyiKernel, uniform } from './shape-rules.js';
import { lampScores, magnitudes } from './score-rules.js';

/** How one number for the whole network, `ratio`, becomes a number of weights for each layer. */
export const budgetRules = ['uniform', 'magnitude', 'erk', 'lamp'] as const;
export type BudgetRule = (typeof budgetRules)[number];

export interface Budget {
  rule: BudgetRule;
  /** Weights of the network over weights kept, above 1. */
  ratio: number;
}

/** A layer's weights as a tensor: [height, width, in, out] of a convolution, [in, out] of a dense layer. */
export interface BudgetLayer {
  name: string;
  shape: readonly number[];
}

/** Weights that the whole network keeps, rounded to the nearest. */
export function keptInAll(layers: readonly BudgetLayer[], ratio: number): number {
  return Math.round(layers.reduce((sum, layer) => sum + sizeOf(layer), 0) / ratio);
}

/**
 * Weights kept in each layer, whose sum is exactly `keptInAll`; no layer keeps more than it has.
 *
 * - `uniform`: the same share of every layer.
 * - `erk`: shares by the layers' shapes, `erdosRenyiKernel`.
 * - `magnitude`: the largest magnitudes of the whole network (Han et al., NeurIPS 2015, with one threshold for all layers).
 * - `lamp`: the largest layer-adaptive scores of the whole network, `lampScores`.
 *
 * @param weightsOf a layer's trained weights; called for `magnitude` and `lamp` only
 */
export function keepsFor(
  { rule, ratio }: Budget,
  layers: readonly BudgetLayer[],
  weightsOf: (layer: string) => Float32Array,
): Record<string, number> {
  const total = keptInAll(layers, ratio);
  const counts = dependsOnWeights(rule)
    ? countsOfLargest(
        layers.map(({ name }) => (rule === 'lamp' ? lampScores : magnitudes)(weightsOf(name))),
        total,
      )
    : (rule === 'erk' ? erdosRenyiKernel : uniform)(layers, total);
  return Object.fromEntries(layers.map(({ name }, i) => [name, counts[i]]));
}

/** Whether a rule's counts are known only once the dense network is trained. */
export const dependsOnWeights = (rule: BudgetRule): boolean => rule === 'magnitude' || rule === 'lamp';

export const sizeOf = ({ shape }: BudgetLayer): number => shape.reduce((product, extent) => product * extent, 1);

/** How many of the `total` largest scores lie in each layer; ties go to the earlier layer. */
function countsOfLargest(scores: readonly Float32Array[], total: number): number[] {
  const all = new Float32Array(scores.reduce((length, { length: more }) => length + more, 0));
  const starts: number[] = [];
  let end = 0;
  for (const layer of scores) {
    starts.push(end);
    all.set(layer, end);
    end += layer.length;
  }
  const counts = scores.map(() => 0);
  let layer = 0;
  for (const position of project(all, total).support) {
    while (layer + 1 < starts.length && position >= starts[layer + 1]) layer += 1;
    counts[layer] += 1;
  }
  return counts;
}

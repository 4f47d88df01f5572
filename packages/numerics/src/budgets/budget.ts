import { sizeOf } from '../shape.js';
import { Registry } from '@prunegrid/core/registry';

import { select } from '../constraints/index.js';
import { lampScores, magnitudes } from './score-rules.js';
import { erdosRenyiKernel, uniform } from './shape-rules.js';

/** A layer's weights as a tensor: [height, width, in, out] of a convolution, [in, out] of a dense layer. */
export interface BudgetLayer {
  name: string;
  shape: readonly number[];
}

/** A rule by which a number of weights for the whole network is shared among its layers. Pure. */
export interface BudgetRule {
  /** What `budget.rule` says in a spec. */
  readonly name: string;
  /** Whether the counts are known only once the dense network is trained. */
  readonly dependsOnWeights: boolean;
  /**
   * The weights that each layer keeps, in the order of `layers`: whole numbers whose sum is exactly `total`, of no layer more than
   * it has.
   * @param total at most the number of weights of all layers
   * @param weightsOf a layer's dense weights; may be called only if the rule `dependsOnWeights`
   */
  share(layers: readonly BudgetLayer[], total: number, weightsOf: (layer: string) => Float32Array): number[];
}

/** One number for the whole network, and how the layers share it. */
export interface Budget {
  /** The name of a registered rule. */
  rule: string;
  /** Weights of the network over weights kept, above 1. */
  ratio: number;
}

/**
 * What `budget.rule` may name:
 *
 * - `uniform`: the same share of every layer.
 * - `magnitude`: the largest magnitudes of the whole network (Han et al., NeurIPS 2015, with one threshold for all layers).
 * - `erk`: shares by the layers' shapes, `erdosRenyiKernel`.
 * - `lamp`: the largest layer-adaptive scores of the whole network, `lampScores`.
 */
export const budgets = new Registry<BudgetRule>('budget rule', [
  { name: 'uniform', dependsOnWeights: false, share: uniform },
  byScore('magnitude', magnitudes),
  { name: 'erk', dependsOnWeights: false, share: erdosRenyiKernel },
  byScore('lamp', lampScores),
]);

/** Weights that the whole network keeps, rounded to the nearest. */
export function keptInAll(layers: readonly BudgetLayer[], ratio: number): number {
  return Math.round(layers.reduce((sum, { shape }) => sum + sizeOf(shape), 0) / ratio);
}

/**
 * Weights kept in each layer, by name, whose sum is exactly `keptInAll`; no layer keeps more than it has.
 *
 * @param weightsOf a layer's dense weights; called only if the rule depends on them
 * @throws Failure `input` if no rule of this name is registered
 */
export function keepsFor(
  { rule, ratio }: Budget,
  layers: readonly BudgetLayer[],
  weightsOf: (layer: string) => Float32Array,
): Record<string, number> {
  const counts = budgets.get(rule).share(layers, keptInAll(layers, ratio), weightsOf);
  return Object.fromEntries(layers.map(({ name }, i) => [name, counts[i]]));
}

/** The rule that keeps the largest scores of the whole network. */
function byScore(name: string, scoresOf: (weights: Float32Array) => Float32Array): BudgetRule {
  return {
    name,
    dependsOnWeights: true,
    share: (layers, total, weightsOf) =>
      countsOfLargest(
        layers.map((layer) => scoresOf(weightsOf(layer.name))),
        total,
      ),
  };
}

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
  for (const position of select(all, total)) {
    while (layer + 1 < starts.length && position >= starts[layer + 1]) layer += 1;
    counts[layer] += 1;
  }
  return counts;
}

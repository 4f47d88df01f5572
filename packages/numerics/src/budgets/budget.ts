import { sizeOf } from '../shape.js';
import { Registry } from '@prunegrid/core/registry';

import { select } from '../constraints/index.js';
import { lampScores, magnitudes } from './score-rules.js';
import { byEqualDamage, type SensitivityPoint } from './sensitivity-rule.js';
import { erdosRenyiKernel, uniform } from './shape-rules.js';

/** The shape of a layer's weights: [height, width, in, out] for a convolution, [in, out] for a dense layer. */
export interface BudgetLayer {
  name: string;
  shape: readonly number[];
}

/** Returns what was measured of a layer by pruning it alone. */
export type SensitivityOf = (layer: string) => readonly SensitivityPoint[];

/** A rule that distributes the number of weights kept in the whole network over its layers. It is a pure function. */
export interface BudgetRule {
  /** The name that `budget.rule` refers to in a spec. */
  readonly name: string;
  /** Whether the rule needs the trained dense weights. */
  readonly dependsOnWeights: boolean;
  /** Whether the rule needs measurements of what pruning does to the network. The default is false. */
  readonly dependsOnSensitivity?: boolean;
  /**
   * Returns the number of weights that each layer keeps, in the order of `layers`. They are whole numbers, their sum is
   * exactly `total`, and none exceeds the number of weights of its layer.
   * @param total at most the number of weights of all layers
   * @param weightsOf returns a layer's dense weights; may be called only if the rule `dependsOnWeights`
   * @param sensitivityOf returns the measurements of a layer; may be called only if the rule `dependsOnSensitivity`
   */
  share(
    layers: readonly BudgetLayer[],
    total: number,
    weightsOf: (layer: string) => Float32Array,
    sensitivityOf: SensitivityOf,
  ): number[];
}

/** The compression ratio of the whole network and the rule by which the layers share the kept weights. */
export interface Budget {
  /** The name of a registered rule. */
  rule: string;
  /** The compression ratio: the number of weights divided by the number of weights kept. It is greater than 1. */
  ratio: number;
}

/**
 * The rules that `budget.rule` may name:
 *
 * - `uniform` keeps the same share of every layer.
 * - `magnitude` keeps the largest magnitudes of the whole network (Han et al., NeurIPS 2015, with one threshold for all
 *   layers).
 * - `erk` chooses the shares by the layers' shapes; see `erdosRenyiKernel`.
 * - `lamp` keeps the largest layer-adaptive scores of the whole network; see `lampScores`.
 * - `sensitivity` lets all layers do the same damage, as far as that was measured; see `byEqualDamage`.
 */
export const budgets = new Registry<BudgetRule>('budget rule', [
  { name: 'uniform', dependsOnWeights: false, share: uniform },
  byScore('magnitude', magnitudes),
  { name: 'erk', dependsOnWeights: false, share: erdosRenyiKernel },
  byScore('lamp', lampScores),
  {
    name: 'sensitivity',
    dependsOnWeights: false,
    dependsOnSensitivity: true,
    share: (layers, total, _weightsOf, sensitivityOf) => byEqualDamage(layers, total, sensitivityOf),
  },
]);

/**
 * Returns the number of weights that the whole network keeps, rounded to the nearest integer.
 * @param dense the number of weights beside those of `layers`
 */
export function keptInAll(layers: readonly BudgetLayer[], ratio: number, dense = 0): number {
  return Math.round(layers.reduce((sum, { shape }) => sum + sizeOf(shape), dense) / ratio);
}

/**
 * Returns the number of weights kept in each layer, by the layer's name. Their sum is exactly `keptInAll` of the whole
 * network, less the weights that are left dense, and no layer keeps more weights than it has.
 *
 * @param layers those that are pruned
 * @param weightsOf returns a layer's dense weights; it is called only if the rule depends on them
 * @param others.dense the number of weights of the network's other layers, of which all are kept
 * @param others.sensitivityOf returns the measurements of a layer; it is called only if the rule depends on them
 * @throws {Failure} `input` if no rule of this name is registered
 */
export function keepsFor(
  { rule, ratio }: Budget,
  layers: readonly BudgetLayer[],
  weightsOf: (layer: string) => Float32Array,
  { dense = 0, sensitivityOf = nothingMeasured }: { dense?: number; sensitivityOf?: SensitivityOf } = {},
): Record<string, number> {
  const total = keptInAll(layers, ratio, dense) - dense;
  const counts = budgets.get(rule).share(layers, total, weightsOf, sensitivityOf);
  return Object.fromEntries(layers.map(({ name }, i) => [name, counts[i]]));
}

const nothingMeasured = (layer: string): never => {
  throw new RangeError(`nothing was measured of ${layer}`);
};

/** Returns the rule that keeps the weights with the largest scores of the whole network. */
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

/**
 * Returns how many of the `total` largest scores are in each layer. Among equal scores, those of earlier layers are
 * chosen.
 */
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

import type { ModelDescription } from '@prunegrid/trainer/models';

/** A layer's weights before and after pruning, counted in bins of equal width. */
export interface LayerHistogram {
  layer: string;
  weights: number;
  /** The number of non-zero weights after pruning. */
  kept: number;
  /** The middle of each bin. */
  centers: number[];
  before: number[];
  /** The number of non-zero weights in each bin after pruning. */
  after: number[];
}

const BINS = 81;

/** @param before, after the flat parameter vectors of the model */
export function histogramsOf(model: ModelDescription, before: Float32Array, after: Float32Array): LayerHistogram[] {
  return model.parameters
    .filter(({ kind }) => kind === 'weight')
    .map(({ layer, offset, size }) => {
      const dense = before.subarray(offset, offset + size);
      const kept = after.subarray(offset, offset + size).filter((weight) => weight !== 0);
      const largest = Math.max(largestOf(dense), largestOf(kept)) || 1;
      return {
        layer,
        weights: size,
        kept: kept.length,
        // The number of bins is odd, so that the middle bin contains the weights near zero.
        centers: Array.from({ length: BINS }, (_, bin) => ((2 * bin + 1) / BINS - 1) * largest),
        before: counts(dense, largest),
        after: counts(kept, largest),
      };
    });
}

const largestOf = (weights: Float32Array): number =>
  weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);

function counts(weights: Float32Array, largest: number): number[] {
  const bins = new Array<number>(BINS).fill(0);
  for (const weight of weights) {
    bins[Math.min(BINS - 1, Math.floor(((weight / largest + 1) / 2) * BINS))] += 1;
  }
  return bins;
}

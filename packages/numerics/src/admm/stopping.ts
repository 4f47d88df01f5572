import type { Residuals } from './iteration.js';

/** The limits that every layer must meet before ADMM may stop early. */
export interface StoppingRule {
  /** The largest allowed ||W - Z|| / ||W||. */
  primalResidual: number;
  /** The largest allowed share of the support that the last iteration changed, from 0 to 1. */
  supportChange: number;
}

/**
 * Returns whether Z is farther from W than zero is: `||W - Z|| > ||W||`. Zero meets every constraint on the number of
 * non-zeros, so such a Z, which is nearest to W + U, is determined by what U has accumulated and no longer by W.
 */
export const isAstray = ({ primal, weightNorm }: Residuals): boolean => primal > weightNorm;

/** Returns whether every layer's primal residual and change of support are within the limits. */
export function converged(layers: readonly Residuals[], rule: StoppingRule): boolean {
  return layers.every(
    ({ primal, weightNorm, supportChange }) =>
      primal <= rule.primalResidual * weightNorm && supportChange <= rule.supportChange,
  );
}

import type { Residuals } from './iteration.js';

/** Limits that every layer has to meet. */
export interface StoppingRule {
  /** Largest ||W - Z|| / ||W||. */
  primalResidual: number;
  /** Largest share of the support that the last iteration changed. */
  supportChange: number;
}

/** Whether every layer's weights lie close enough to their sparse copy and its support has come to rest. */
export function converged(layers: readonly Residuals[], rule: StoppingRule): boolean {
  return layers.every(
    ({ primal, weightNorm, supportChange }) =>
      primal <= rule.primalResidual * weightNorm && supportChange <= rule.supportChange,
  );
}

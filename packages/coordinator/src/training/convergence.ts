import { isAstray } from '@prunegrid/numerics/admm';
import { percent, wholePercent } from '@prunegrid/core/text/figures';

import type { LayerResiduals, RunEvent } from './records.js';

/** So many iterations in a row astray are no overshoot of the first ones. */
const LASTING = 3;
/** Held-out accuracy that ADMM may cost, as a share of all images, before it counts as fallen. */
const TOLERATED_LOSS = 0.05;

/** State of ADMM after its last iteration. Accuracies are shares of the held-out images. */
export interface AdmmOutcome {
  /** Residuals of the last iteration. */
  layers: readonly LayerResiduals[];
  /** Number of iterations in a row, up to the last one, in which a layer was astray. */
  astrayFor: number;
  denseAccuracy: number;
  accuracy: number;
}

/**
 * Returns the warning that ADMM has not converged, or undefined if there is no reason for one. There is one if a layer
 * ends astray (see `isAstray`) and either has been so for three iterations in a row or has cost more than five points
 * of accuracy. docs/concepts.md says why.
 */
export function warningOf({
  layers,
  astrayFor,
  denseAccuracy,
  accuracy,
}: AdmmOutcome): Extract<RunEvent, { type: 'admm-not-converged' }> | undefined {
  const fallen = denseAccuracy - accuracy > TOLERATED_LOSS;
  if (!layers.some(isAstray) || !(fallen || astrayFor >= LASTING)) return undefined;
  const share = ({ primal, weightNorm }: LayerResiduals) => primal / weightNorm;
  const worst = layers.reduce((other, layer) => (share(layer) > share(other) ? layer : other));
  const residual = share(worst);
  const symptoms = [
    `its weights and their pruned copy are ${wholePercent(residual)} of ||W|| apart`,
    ...(fallen ? [`held-out accuracy fell from ${percent(denseAccuracy)} to ${percent(accuracy)}`] : []),
  ];
  const remedies = fallen
    ? ['a smaller admm.rho', 'a lower admm.learningRate']
    : ['a larger admm.rho, or one that grows (schedule: geometric)'];
  return {
    type: 'admm-not-converged',
    layer: worst.layer,
    residual,
    message: `ADMM has not converged in ${worst.layer}: ${symptoms.join(', and ')}; try ${[...remedies, 'more admm.iterations'].join(', ')}, or keep more weights of ${worst.layer}`,
  };
}

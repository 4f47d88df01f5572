import type { ParameterRange } from './optimizer.js';

/** Keeps the factor finite if the norm is 0, as in PyTorch. */
const EPSILON = 1e-6;

/**
 * Scales a gradient in place so that its L2 norm over all parameters together is at most `maxNorm` (Pascanu et al. 2013,
 * arXiv 1211.5063), as torch.nn.utils.clip_grad_norm_ does: by maxNorm / (norm + 1e-6) if that is below 1. The squares
 * are added in double precision in the order of the elements, so the same gradient always has the same norm.
 * @param gradient of all trained parameters
 * @param ranges of the parameters; what is added to states is no gradient, and is neither measured nor scaled
 * @returns the norm before clipping
 */
export function clipByGlobalNorm(gradient: Float32Array, maxNorm: number, ranges: readonly ParameterRange[]): number {
  const clipped = ranges.filter(({ added }) => !added);
  let squares = 0;
  for (const { from, to } of clipped) for (let i = from; i < to; i++) squares += gradient[i] * gradient[i];
  const norm = Math.sqrt(squares);
  const factor = maxNorm / (norm + EPSILON);
  // A norm that is not a number makes the gradient not a number, which is noticed, instead of leaving it as it is.
  if (!(factor >= 1)) for (const { from, to } of clipped) for (let i = from; i < to; i++) gradient[i] *= factor;
  return norm;
}

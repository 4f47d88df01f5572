import { Failure } from '@prunegrid/core/failure';
import { sha256Of } from '@prunegrid/core/vector-hash';

import type { ModelDescription } from '../../models/index.js';

/**
 * Returns a Failure that names the tensor of W [model.size] with a value that is not finite, or else the tensor with
 * the largest value.
 */
export function nonFinite(model: ModelDescription, weights: Float32Array, step: number): Failure {
  const values = ({ offset, size }: { offset: number; size: number }) => weights.subarray(offset, offset + size);
  const broken = model.parameters.find((parameter) => values(parameter).some((value) => !Number.isFinite(value)));
  const largest = model.parameters
    .map((parameter) => ({
      parameter,
      value: values(parameter).reduce((max, value) => Math.max(max, Math.abs(value)), 0),
    }))
    .reduce((a, b) => (b.value > a.value ? b : a));
  const where = broken
    ? `${broken.name} is no longer finite`
    : `the loss is not finite, the largest value is ${largest.value.toExponential(2)} in ${largest.parameter.name}`;
  return new Failure('training', `step ${step} of the phase: ${where}: lower the learning rate or rho`);
}

/** Returns the SHA-256 of the bytes of W, in hexadecimal. Throws Failure, which names `step`, if W is not finite. */
export function hashOf(model: ModelDescription, weights: Float32Array, step: number): string {
  if (weights.some((value) => !Number.isFinite(value))) throw nonFinite(model, weights, step);
  return sha256Of(weights);
}

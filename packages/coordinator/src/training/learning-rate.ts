import type { LearningRateSpec } from '../experiment/spec.js';

/**
 * Returns the learning rate of step `step` (from 0) in a phase of `steps` steps. The schedule counts an epoch as
 * `stepsPerEpoch` steps.
 */
export function learningRateAt(spec: LearningRateSpec, step: number, steps: number, stepsPerEpoch: number): number {
  switch (spec.schedule) {
    case 'constant':
      return spec.value;
    case 'step':
      return spec.initial * spec.factor ** Math.floor(step / stepsPerEpoch / spec.everyEpochs);
    case 'cosine':
      return cosine(spec.from, spec.to, steps > 1 ? step / (steps - 1) : 0);
    case 'one-cycle': {
      // The peak and the end are those of torch.optim.lr_scheduler.OneCycleLR.
      const peak = Math.max(0, spec.warmup * steps - 1);
      const last = steps - 1;
      return step <= peak
        ? cosine(spec.max / spec.divide, spec.max, peak > 0 ? step / peak : 1)
        : cosine(spec.max, spec.max / spec.finalDivide, (step - peak) / (last - peak));
    }
  }
}

/** Half a cosine from `from` at t = 0 to `to` at t = 1. */
const cosine = (from: number, to: number, t: number): number => to + ((from - to) * (1 + Math.cos(Math.PI * t))) / 2;

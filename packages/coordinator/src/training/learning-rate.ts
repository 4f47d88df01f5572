import type { LearningRateSpec } from '../experiment/spec.js';

/**
 * Returns the learning rate of step `step` (from 0) in a phase of `steps` steps. The schedule counts an epoch as
 * `stepsPerEpoch` steps. A warm-up of n steps is PyTorch's `LinearLR(start_factor=1 / (n + 1), total_iters=n)`, which
 * the schedule follows as in `SequentialLR`.
 */
export function learningRateAt(spec: LearningRateSpec, step: number, steps: number, stepsPerEpoch: number): number {
  const warmUp = 'warmUp' in spec ? Math.round((spec.warmUp ?? 0) * stepsPerEpoch) : 0;
  if (step < warmUp) return (scheduledAt(spec, 0, steps - warmUp, stepsPerEpoch) * (step + 1)) / (warmUp + 1);
  return scheduledAt(spec, step - warmUp, steps - warmUp, stepsPerEpoch);
}

/** Returns the learning rate of a step without the warm-up, which neither `step` nor `steps` counts. */
function scheduledAt(spec: LearningRateSpec, step: number, steps: number, stepsPerEpoch: number): number {
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

import { methods } from '../training/methods/index.js';
import type { PhaseName, Spec } from './spec.js';

/** Epochs of each phase if none is cut short. Whatever the method, they come to the same number in all. */
export function epochsOf({ method, dense, admm, retrain }: Spec): Record<PhaseName, number> {
  const pruning = admm.iterations * admm.epochsPerIteration;
  return methods.get(method).trains
    ? { dense: dense.epochs, prune: pruning, retrain: retrain.epochs }
    : { dense: dense.epochs, prune: 0, retrain: pruning + retrain.epochs };
}

/** Epochs of a trial that no other trial shares: those after dense training. */
export function epochsAfterDense(spec: Spec): number {
  const { prune, retrain } = epochsOf(spec);
  return prune + retrain;
}

/** How many times longer than the spec says a phase is; its learning rates are stretched to fit. */
export const stretchOf = (spec: Spec, phase: PhaseName): number =>
  phase === 'retrain' ? epochsOf(spec).retrain / spec.retrain.epochs : 1;

import { methods } from '../training/methods/index.js';
import { type PhaseName, phaseNames, type Spec } from './spec.js';

/** Returns the number of epochs of each phase if no phase stops early. Their sum is the same for every method. */
export function epochsOf({ method, dense, admm, retrain }: Spec): Record<PhaseName, number> {
  const pruning = admm.iterations * admm.epochsPerIteration;
  return methods.get(method).trains
    ? { dense: dense.epochs, prune: pruning, retrain: retrain.epochs }
    : { dense: dense.epochs, prune: 0, retrain: pruning + retrain.epochs };
}

/** Returns the number of epochs of all phases before this one. Epochs that ADMM leaves out by stopping early count. */
export function epochsBefore(spec: Spec, phase: PhaseName): number {
  const epochs = epochsOf(spec);
  return phaseNames.slice(0, phaseNames.indexOf(phase)).reduce((sum, each) => sum + epochs[each], 0);
}

/** Returns the number of epochs after dense training. No other trial shares them. */
export function epochsAfterDense(spec: Spec): number {
  const { prune, retrain } = epochsOf(spec);
  return prune + retrain;
}

/**
 * Returns the factor by which a phase is longer than the spec says. Its learning rate schedule is stretched by this
 * factor.
 */
export const stretchOf = (spec: Spec, phase: PhaseName): number =>
  phase === 'retrain' ? epochsOf(spec).retrain / spec.retrain.epochs : 1;

import type { TrainerGroup } from '../cluster/index.js';
import { type OptimizerSpec, type PhaseName, recipeOf, type Spec } from '../experiment/spec.js';

type PhasePlan = Parameters<TrainerGroup['beginPhase']>[0];

/** Number of each phase in the derivation of random streams, so that no two phases draw the same numbers. */
const phaseNumbers: Record<PhaseName, number> = { dense: 1, prune: 2, retrain: 3 };

/** Returns what the trainers are told of a phase. */
export function phasePlan(spec: Spec, phase: PhaseName): PhasePlan {
  const { seed, batch, dataset, exchange } = spec;
  const { optimizer, dropout, labelSmoothing, gradientClipping } = recipeOf(spec, phase);
  return {
    seed,
    phase: phaseNumbers[phase],
    optimizer: optimizerMessage(optimizer),
    globalBatch: batch.global,
    microBatches: batch.microBatches,
    shift: dataset.shift,
    ...(dropout === 'network' ? { dropout: 0, networkDropout: true } : { dropout }),
    bfloat16: exchange.gradients === 'bfloat16',
    syncEvery: exchange.syncEvery,
    labelSmoothing,
    gradientClipping,
  };
}

function optimizerMessage(optimizer: OptimizerSpec): PhasePlan['optimizer'] {
  const { name, ...value } = optimizer;
  return { $case: name, value } as PhasePlan['optimizer'];
}

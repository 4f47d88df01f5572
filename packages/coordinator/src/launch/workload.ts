import type { Workload } from '@prunegrid/proto';

import type { Spec } from '../experiment/spec.js';

/** The part of a spec that a trainer loads once. */
export type WorkloadKeys = Pick<
  Spec,
  'engine' | 'precision' | 'model' | 'dataset' | 'threadsPerTrainer' | 'loss' | 'metrics'
>;

/** Returns what trainers are told to load for an experiment. Experiments with equal workloads can share trainers. */
export function workloadOf(spec: WorkloadKeys): Workload {
  const { engine, precision, model, dataset, threadsPerTrainer: threads, loss, metrics = [] } = spec;
  // The shift is drawn at each step, and so no part of what trainers load.
  const { shift: _, ...loaded } = dataset;
  return { engine, precision, model, dataset: { choice: JSON.stringify(loaded) }, threads, loss, metrics };
}

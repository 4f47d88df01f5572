import { type PhaseName, type Spec, specSchema } from '@prunegrid/coordinator/experiment/spec';
import type { TimedProgress } from '@prunegrid/coordinator/training/progress';
import type { RunEvent, RunManifest } from '@prunegrid/coordinator/training/records';

const phase = { learningRate: { schedule: 'constant', value: 1e-3 } };
const spec = specSchema.parse({
  name: 'tiny',
  model: 'lenet5',
  dataset: { name: 'mnist' },
  keep: { conv1: 100 },
  dense: { epochs: 2, ...phase },
  admm: { iterations: 2, epochsPerIteration: 2, rho: 1e-3, ...phase },
  retrain: { epochs: 4, ...phase },
});

/** The beginning of a run of two epochs of dense training, four of the method and four of retraining. */
export const startedBy = (method: Spec['method']): RunEvent => ({
  type: 'run-started',
  manifest: {
    ...{ spec: { ...spec, method }, seed: 1, engine: 'tensorflow', device: 'CPU' },
    dataset: {
      ...{ name: 'mnist', sha256: '', examples: { training: 1000, validation: 200, test: 400 } },
      origin: { validation: 'last of 1,200', test: 'own part' },
    },
  } as RunManifest,
});
export const started: RunEvent = startedBy('admm');
/** A phase begins whose epochs have a hundred steps. */
export const phaseStarted = (name: PhaseName, epochs: number): RunEvent => ({
  type: 'phase-started',
  phase: name,
  epochs,
  stepsPerEpoch: 100,
});
/** @param number of the epoch in its phase, from 1 */
export const epoch = (name: PhaseName, number: number, totalEpochs: number): RunEvent => ({
  type: 'epoch-finished',
  phase: name,
  epoch: number,
  totalEpochs,
  trainLoss: 0.031234,
  trainAccuracy: 0.9912,
  validation: { accuracy: 0.9894, loss: 0.03 },
  learningRate: 1e-3,
  imagesPerSecond: 3456.7,
  weightsHash: 'x',
});
export const iteration: RunEvent = {
  type: 'admm-iteration',
  iteration: 1,
  totalEpochs: 4,
  layers: [
    { layer: 'conv1', rho: 1e-3, primal: 1, dual: 0.5, weightNorm: 2, supportChange: 0.01 },
    { layer: 'fc1', rho: 1e-3, primal: 3, dual: 0.25, weightNorm: 10, supportChange: 0.05 },
  ],
};
export const evaluated = (stage: 'dense' | 'hardPruned' | 'final'): RunEvent => ({
  type: 'evaluated',
  stage,
  totalEpochs: 2,
  validation: { accuracy: 0.993, loss: 0.03 },
  test: { accuracy: 0.9936, loss: 0.03 },
});
/** @param before the steps of the phases before, of a thousand in all */
export const progress = (name: PhaseName, step: number, before: number, steps: number): TimedProgress => ({
  phase: name,
  step,
  steps,
  totalStep: before + step,
  totalSteps: 1000,
  loss: 0.23456,
  accuracy: 0.97651,
  imagesPerSecond: 3412.3,
  trainingSeconds: 1,
});

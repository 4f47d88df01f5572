import type { ModelDescription } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../cluster/index.js';
import type { PhaseName, Spec } from '../experiment/spec.js';
import type { Evaluation } from './records.js';
import type { ResumeState, RunLog } from './resume-state.js';
import type { Projector } from './projecting/index.js';

/** How far the training has come; told after every step, never journalled. */
export interface StepProgress {
  phase: PhaseName;
  /** Steps done in the phase, and in the run; ADMM that stops early makes the run shorter than `totalSteps`. */
  step: number;
  steps: number;
  totalStep: number;
  totalSteps: number;
  /** Of the latest global batch. */
  loss: number;
  accuracy: number;
}

export interface RunContext {
  spec: Spec;
  runId: string;
  model: ModelDescription;
  group: TrainerGroup;
  journal: RunLog;
  projector: Projector;
  folder: string;
  /** Where the run goes on. */
  resumeState?: ResumeState;
  /** Dense weights that are there already, instead of dense training. */
  dense?: DenseNetwork;
  /** A pruned network whose survivors are trained and pruned further, instead of the dense one. */
  start?: StartNetwork;
  /** Asked after each epoch of retraining; the reason that it gives ends the run. */
  reasonToStop?: (epoch: number, validation: Evaluation) => string | undefined;
  onProgress: (progress: StepProgress) => void;
  /** Milliseconds that only grow. */
  now: () => number;
}

/** The network that a chain goes on with. */
export interface StartNetwork {
  /** Of the trial that it came out of. */
  key: string;
  /** Of that trial's run. */
  runId: string;
  weights: Float32Array;
}

/** A network before pruning, as `trainDense` leaves it: what runs with one `denseKey` can share. */
export interface DenseNetwork {
  key: string;
  /** Of the run that trained it. */
  runId: string;
  weights: Float32Array;
  validation: Evaluation;
  test: Evaluation;
}

import type { Host } from '@prunegrid/core/runtime';
import type { ModelDescription } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../cluster/index.js';
import type { PhaseName, Spec } from '../experiment/spec.js';
import type { Evaluation } from './records.js';
import type { ResumeState, RunLog } from './resume-state.js';
import type { Projector } from './projecting/index.js';

/** How far the training has come. It is told after every step, and is in no journal. */
export interface StepProgress {
  phase: PhaseName;
  /** Steps done in the phase, and in the run; ADMM that stops early makes the run shorter than `totalSteps`. */
  step: number;
  steps: number;
  totalStep: number;
  totalSteps: number;
  /** Mean loss and share of correct answers in the latest global batch. */
  loss: number;
  accuracy: number;
}

export interface RunContext {
  runtime: Host;
  spec: Spec;
  runId: string;
  model: ModelDescription;
  group: TrainerGroup;
  journal: RunLog;
  projector: Projector;
  folder: string;
  /** From what the run is resumed. */
  resumeState?: ResumeState;
  /** Dense weights that are there already, in place of dense training. */
  dense?: DenseNetwork;
  /** A pruned network whose survivors are trained and pruned further, instead of the dense one. */
  start?: StartNetwork;
  /** Asked after each epoch of retraining; the reason that it gives ends the run. */
  reasonToStop?: (epoch: number, validation: Evaluation) => string | undefined;
  onProgress: (progress: StepProgress) => void;
  /**
   * Awaited before the run folder is written to; if it rejects, the folder is another process's by now, and nothing is
   * written.
   */
  checkLock: () => Promise<void>;
}

/** The network that a chain prunes further. */
export interface StartNetwork {
  /** The `key` of the trial whose network it is. */
  key: string;
  /** The run of that trial. */
  runId: string;
  weights: Float32Array;
}

/** A network before pruning, as `trainDense` leaves it: what runs with one `denseKey` can share. */
export interface DenseNetwork {
  key: string;
  /** The run that trained it. */
  runId: string;
  weights: Float32Array;
  validation: Evaluation;
  test: Evaluation;
}

import type { Host } from '@prunegrid/core/runtime';
import type { ModelDescription } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../cluster/index.js';
import type { PhaseName, Spec } from '../experiment/spec.js';
import type { Evaluation } from './records.js';
import type { ResumeState, RunLog } from './resume-state.js';
import type { Projector } from './projecting/index.js';

/** Progress of the training. It is reported after every step and is not in the journal. */
export interface StepProgress {
  phase: PhaseName;
  /** Finished steps of the phase and of the run. The run is shorter than `totalSteps` if ADMM stops early. */
  step: number;
  steps: number;
  totalStep: number;
  totalSteps: number;
  /** Seconds that this process has spent on training steps so far, without evaluations, projections and snapshots. */
  trainingSeconds: number;
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
  /** State from which the run is resumed. */
  resumeState?: ResumeState;
  /** Reads an existing dense network, which replaces dense training; undefined if there is none. */
  dense?: () => Promise<DenseNetwork | undefined>;
  /** Reads the pruned network whose survivors are trained and pruned further, instead of the dense network. */
  start?: () => Promise<StartNetwork>;
  /** Called after each epoch of retraining. If it returns a reason, the run ends. */
  reasonToStop?: (epoch: number, validation: Evaluation) => string | undefined;
  onProgress: (progress: StepProgress) => void;
  /**
   * Awaited before each write to the run folder. It rejects if another process has taken over the folder; then nothing
   * is written.
   */
  checkLock: () => Promise<void>;
}

/** The network that a chain prunes further. */
export interface StartNetwork {
  /** Key of the trial that computed the network. */
  key: string;
  /** Id of the run of that trial. */
  runId: string;
  weights: Float32Array;
}

/** A network before pruning, as returned by `trainDense`. Runs with equal `denseKey` can share it. */
export interface DenseNetwork {
  key: string;
  /** Id of the run that trained the network. */
  runId: string;
  weights: Float32Array;
  validation: Evaluation;
  test: Evaluation;
}

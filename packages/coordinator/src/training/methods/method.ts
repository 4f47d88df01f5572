import type { ModelDescription } from '@prunegrid/trainer/models';
import type { Host } from '@prunegrid/core/runtime';
import type { TensorData } from '@prunegrid/core/safetensors';

import type { TrainerGroup } from '../../cluster/index.js';
import type { PhaseName, Spec } from '../../experiment/spec.js';
import type { Evaluation, RunEvent } from '../records.js';
import type { LayerToPrune } from '../layers.js';
import type { Projector } from '../projecting/index.js';
import type { LayerTensors } from '../model-file.js';
import type { PhaseState, StoredPhaseState } from '../snapshot.js';

/** The training of a run, which a pruning method controls epoch by epoch. */
export interface Training {
  readonly context: {
    runtime: Pick<Host, 'clock'>;
    spec: Spec;
    model: ModelDescription;
    group: TrainerGroup;
    projector: Projector;
  };
  /** Finished epochs of all phases so far. */
  readonly totalEpochs: number;
  /** Finished epochs of the current phase. */
  readonly epoch: number;
  /** Starts the phase at epoch 0 and records this. */
  announce(phase: PhaseName): void;
  /**
   * Sends the weights (all parameters) to the trainers and sets the optimizer's moments to zero. With `survivors`,
   * ascending positions in `weights`, only these parameters are trained from then on.
   */
  setParameters(phase: PhaseName, weights: Float32Array, survivors?: Uint32Array): Promise<void>;
  /**
   * If the run resumes within this phase, restores the trainers' state and returns the phase's own state; otherwise
   * returns undefined. A resumed phase must not be announced. The current epoch is then that of the last step, even if
   * all steps of this epoch are done.
   */
  resume(phase: PhaseName): Promise<{ own: StoredPhaseState } | undefined>;
  /**
   * Trains one epoch, or the rest of one, and evaluates the network on the validation part.
   * @param own returns the state that the phase needs to resume; its tensors must not change until the epoch has
   * finished
   * @param memory as long as all parameters, may be overwritten until the epoch has finished: a snapshot of a large
   * network needs no second array then
   */
  trainEpoch(phase: PhaseName, own?: () => PhaseState<TensorData>, memory?: Float32Array): Promise<Evaluation>;
  /** Appends an event to the journal, in the order of the calls. Training does not wait for the write. */
  record(event: RunEvent): void;
  /**
   * Writes a checkpoint during training. Its tensors must not change until the next epoch or evaluation has finished.
   */
  checkpoint(name: string, phase: PhaseName, weights: Float32Array, extra?: LayerTensors): void;
  /** Reports that the phase ends `count` epochs early. */
  skipEpochs(count: number): void;
  /** Says that the caller has dropped an array of all parameters, or several of them. */
  dropVector(): void;
}

/** The network from which a method starts. */
export interface Before {
  /** Values of all parameters. The method may overwrite the array, and return it. */
  weights: Float32Array;
  /** Held-out accuracy of the dense network. */
  denseAccuracy: number;
  /** If the network is already pruned, the positions in each pruned layer that may be trained; absent otherwise. */
  trainable?: ReadonlyMap<string, Uint32Array>;
}

/** A pruning method, selected by `method` in the spec. */
export interface Method {
  readonly name: string;
  /** Name of the method on screens and in charts, such as `gradual pruning`. */
  readonly title: string;
  /**
   * Whether the phase `prune` trains the epochs that `admm` specifies. If not, masked retraining gets them in addition,
   * so that all methods train for the same number of epochs.
   */
  readonly trains: boolean;
  /**
   * Keys of `admm` that affect the result, besides the number of epochs. Other keys are not part of a result's key, and
   * sweeps do not repeat a trial for them.
   */
  readonly uses: readonly Exclude<keyof Spec['admm'], 'iterations' | 'epochsPerIteration'>[];
  /**
   * Runs the phase `prune` on a dense or already pruned network. Hard pruning then projects the result onto the
   * constraints of `layers`, and masked retraining follows.
   * @returns values of all parameters
   */
  prune(training: Training, before: Before, layers: readonly LayerToPrune[]): Promise<Float32Array>;
}

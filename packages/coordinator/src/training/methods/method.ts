import type { ModelDescription } from '@prunegrid/trainer/models';
import type { Host } from '@prunegrid/core/runtime';
import type { TensorData } from '@prunegrid/core/safetensors';

import type { TrainerGroup } from '../../cluster/index.js';
import type { PhaseName, Spec } from '../../experiment/spec.js';
import type { Evaluation, RunEvent } from '../records.js';
import type { LayerToPrune } from '../layers.js';
import type { Projector } from '../projecting/index.js';
import type { LayerTensors } from '../run-folder.js';
import type { PhaseState } from '../snapshot.js';

/** A run's training, as a pruning method drives it epoch by epoch. */
export interface Training {
  readonly context: {
    runtime: Pick<Host, 'clock'>;
    spec: Spec;
    model: ModelDescription;
    group: TrainerGroup;
    projector: Projector;
  };
  /** Passes over the training images so far, all phases together. */
  readonly totalEpochs: number;
  /** Epochs of the phase under way that are finished. */
  readonly epoch: number;
  /** Begins the phase at its epoch 0 and records that. */
  announce(phase: PhaseName): void;
  /**
   * Hands the trainers the weights (all parameters), with fresh optimizer moments. With `survivors`, ascending positions in the
   * parameters, only these are trained from now on.
   */
  setParameters(phase: PhaseName, weights: Float32Array, survivors?: Uint32Array): Promise<void>;
  /**
   * If the run resumes in the middle of this phase: hands the trainers what they had, and returns what the phase had kept; the
   * phase is then not to be announced. The epoch of the last step is the one under way, though all its steps may be done.
   */
  resume(phase: PhaseName): Promise<{ own: PhaseState } | undefined>;
  /**
   * Trains one pass over the training images, or the rest of one, and measures the network on the validation part.
   * @param own called when the run is saved: what the phase needs to resume. Its tensors must not change before the epoch is finished
   */
  trainEpoch(phase: PhaseName, own?: () => PhaseState<TensorData>): Promise<Evaluation>;
  /** Appends the event to the journal while training goes on, in the order of the calls. */
  record(event: RunEvent): void;
  /** Writes the tensors while training goes on. They must not change before the next epoch or evaluation is finished. */
  checkpoint(name: string, phase: PhaseName, weights: Float32Array, extra?: LayerTensors): void;
  /** Says that the phase ends so many epochs before its time. */
  skipEpochs(count: number): void;
}

/** What a method begins with. */
export interface Before {
  /** All parameters. */
  weights: Float32Array;
  /** If the network is pruned already: by layer, the positions within it that are trained. Nothing else of these layers is. */
  trainable?: ReadonlyMap<string, Uint32Array>;
}

/** A way to prune a network, as the spec's `method` names it. */
export interface Method {
  readonly name: string;
  /** What screens and charts call it, such as `gradual pruning`. */
  readonly title: string;
  /**
   * Whether the phase `prune` trains the epochs that `admm` gives. If not, masked retraining has them besides its own, so that all
   * methods train equally long.
   */
  readonly trains: boolean;
  /**
   * The keys of `admm` that make a difference to the result, besides the number of epochs. Keys that are not named here are no part
   * of a result's key, and sweeps do not run a trial again for them.
   */
  readonly uses: readonly Exclude<keyof Spec['admm'], 'iterations' | 'epochsPerIteration'>[];
  /**
   * From dense weights, or those of a network that is to be pruned further, to those which hard pruning then projects onto the
   * constraint of each of `layers`. What it trains is the phase `prune`; masked retraining follows, whatever the method.
   * @returns all parameters
   */
  prune(training: Training, before: Before, layers: readonly LayerToPrune[]): Promise<Float32Array>;
}

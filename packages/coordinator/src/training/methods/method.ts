import type { ModelDescription } from '@prunegrid/trainer/models';
import type { TensorData } from '@prunegrid/core/safetensors';

import type { TrainerGroup } from '../../cluster/index.js';
import type { PhaseName, Spec } from '../../experiment/spec.js';
import type { Evaluation, RunEvent } from '../records.js';
import type { LayerToPrune } from '../layers.js';
import type { Projector } from '../projecting/index.js';
import type { LayerTensors } from '../run-folder.js';
import type { PhaseState } from '../snapshot.js';

/** A run's training as a method of pruning drives it, epoch by epoch. */
export interface Training {
  readonly context: {
    spec: Spec;
    model: ModelDescription;
    group: TrainerGroup;
    projector: Projector;
  };
  /** Passes over the training images so far, all phases together. */
  readonly totalEpochs: number;
  /** Epochs of the phase that are finished. */
  readonly epoch: number;
  announce(phase: PhaseName): void;
  /** Hands the trainers the weights, with fresh optimizer moments; with `survivors`, only these are trained from now on. */
  setParameters(phase: PhaseName, weights: Float32Array, survivors?: Uint32Array): Promise<void>;
  /**
   * Where the run goes on in the middle of this phase, instead of announcing it: hands the trainers what they had, and returns what the phase
   * had kept. The epoch of the last step is then the one under way, though all its steps may be done.
   */
  resume(phase: PhaseName): Promise<{ own: PhaseState } | undefined>;
  /**
   * One pass over the training images, or the rest of one, measured on the validation part.
   * @param own asked for what the phase needs, where the run is saved; its tensors must not change before the epoch is finished
   */
  trainEpoch(phase: PhaseName, own?: () => PhaseState<TensorData>): Promise<Evaluation>;
  /** Puts the event into the journal while training goes on, after those before it. */
  record(event: RunEvent): void;
  /** Writes the tensors while training goes on. They must not change before the next epoch or evaluation is finished. */
  checkpoint(name: string, phase: PhaseName, weights: Float32Array, extra?: LayerTensors): void;
  /** The phase ends so many epochs before its time. */
  skipEpochs(count: number): void;
}

/** What a method begins with. */
export interface Before {
  weights: Float32Array;
  /** Where the network is pruned already: what each layer has left, positions within it. Nothing else of these layers is trained. */
  supports?: ReadonlyMap<string, Uint32Array>;
}

/**
 * From dense weights, or those of a network that is to be pruned further, to those of which hard pruning then keeps the largest in each of
 * `layers`. What it trains is the phase `prune`; masked retraining follows whatever the method.
 */
export type Method = (training: Training, before: Before, layers: readonly LayerToPrune[]) => Promise<Float32Array>;

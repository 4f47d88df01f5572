import type { ModelDescription } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../../cluster/index.js';
import type { PhaseName, Spec } from '../../experiment/spec.js';
import type { Journal } from '../../journal/journal.js';
import type { Evaluation } from '../../journal/records.js';
import type { PrunedLayer } from '../layers.js';
import type { LayerTensors } from '../run-folder.js';

/** A run's training as a method of pruning drives it, epoch by epoch. */
export interface Training {
  readonly context: { spec: Spec; model: ModelDescription; group: TrainerGroup; journal: Journal };
  /** Passes over the training images so far, all phases together. */
  readonly totalEpochs: number;
  announce(phase: PhaseName): Promise<void>;
  /** Hands the trainers the weights, with fresh optimizer moments; with `survivors`, only these are trained from now on. */
  give(phase: PhaseName, weights: Float32Array, survivors?: Uint32Array): Promise<void>;
  trainEpoch(phase: PhaseName): Promise<Evaluation>;
  checkpoint(name: string, phase: PhaseName, weights: Float32Array, extra?: LayerTensors): Promise<void>;
  /** The phase ends so many epochs before its time. */
  skipEpochs(count: number): void;
}

/**
 * From dense weights to those of which hard pruning then keeps the largest in each of `layers`. What it trains is the phase `admm`;
 * masked retraining follows whatever the method.
 */
export type Method = (training: Training, dense: Float32Array, layers: readonly PrunedLayer[]) => Promise<Float32Array>;

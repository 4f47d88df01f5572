import type { Residuals } from '@prunegrid/numerics/admm';
import type { PhaseName, Spec } from '../experiment/spec.js';
import type { Plain } from '../experiment/yaml.js';

/** Share of correct answers and mean cross-entropy (nats an image) on one part of the data set. */
export interface Evaluation {
  accuracy: number;
  loss: number;
}

/** State of one pruned layer after an ADMM iteration. */
export type LayerResiduals = { layer: string } & Residuals;

export interface LayerCount {
  name: string;
  weights: number;
  kept: number;
}

export interface RunManifest {
  /** Identifies the run everywhere, MLflow included. A UUID. */
  runId: string;
  spec: Spec;
  specFile: string;
  seed: number;
  commandLine: string[];
  startedAt: string;
  user: string;
  git: { commit: string; dirty: boolean } | null;
  versions: Record<string, string>;
  engine: string;
  device: string;
  host: { name: string; cpu: string; cores: number; memoryBytes: number; platform: string };
  trainers: number;
  dataset: { name: string; sha256: string };
  /** Present where the run is part of a sweep. */
  sweep?: SweepPart;
}

/** What a run does for its sweep: train the dense network that trials share, or one attempt at a trial. */
export interface SweepPart {
  /** The sweep's own `runId`. */
  runId: string;
  name: string;
  /** From 1; undefined for a dense network that trials share. */
  trial?: number;
  /** From 1. */
  attempt: number;
  /** The trial's keys that vary in the sweep, without the seed. */
  settings?: Record<string, Plain>;
}

export interface RunResult {
  dense: { testAccuracy: number; validationAccuracy: number };
  hardPruned: { testAccuracy: number; validationAccuracy: number };
  final: { testAccuracy: number; validationAccuracy: number };
  layers: LayerCount[];
  total: { weights: number; kept: number; ratio: number };
  /** Wall-clock seconds from the first training step to the last evaluation. */
  seconds: number;
  /** Passes over the training images, all phases together. */
  epochs: number;
}

/** What happened, in the order in which it happened. `epoch` counts from 1 within the phase. */
export type RunEvent =
  | { type: 'run-started'; manifest: RunManifest }
  /** By another process, or on other trainers: with what the run had been `steps` optimizer steps into the phase. */
  | { type: 'run-resumed'; commandLine: string[]; phase: PhaseName; steps: number; totalEpochs: number }
  | { type: 'trainer-joined'; trainer: number; host: string; pid: number; engine: string; device: string }
  /** Instead of dense training: its weights were there, trained by the run `runId`. */
  | { type: 'dense-reused'; key: string; runId: string }
  /** What is pruned is not the dense network but that of the trial with the key `key`, which came out of the run `runId`. */
  | { type: 'chain-continued'; key: string; runId: string }
  | { type: 'phase-started'; phase: PhaseName; epochs: number; stepsPerEpoch: number }
  | {
      type: 'epoch-finished';
      phase: PhaseName;
      epoch: number;
      /** Epochs of the whole run so far: the x axis of every curve. */
      totalEpochs: number;
      trainLoss: number;
      trainAccuracy: number;
      validation: Evaluation;
      learningRate: number;
      imagesPerSecond: number;
      /** SHA-256 of W, equal on every trainer. */
      weightsHash: string;
    }
  | { type: 'admm-iteration'; iteration: number; totalEpochs: number; layers: LayerResiduals[] }
  | { type: 'admm-stopped-early'; iteration: number }
  /** Gradual pruning begins the phase's epoch `epoch` with so many weights. */
  | { type: 'mask-tightened'; epoch: number; totalEpochs: number; layers: LayerCount[] }
  | { type: 'hard-pruned'; layers: LayerCount[] }
  /** Reported, never chosen by: the test set's part is for reporting only. */
  | {
      type: 'evaluated';
      stage: 'dense' | 'hardPruned' | 'final';
      totalEpochs: number;
      validation: Evaluation;
      test: Evaluation;
    }
  | { type: 'dead-units'; layer: string; units: number; of: number }
  | { type: 'checkpoint'; file: string; phase: PhaseName; totalEpochs: number }
  /** Ends a run that trains a dense network for others. */
  | { type: 'dense-finished'; key: string; artifacts: string[] }
  /** Ends a run that its sweep does not let go on, since others do better. */
  | { type: 'run-stopped'; reason: string }
  | { type: 'run-finished'; result: RunResult; artifacts: string[] }
  | { type: 'run-failed'; kind: string; message: string };

/** One line of a `journal.jsonl`: `seq` counts from 0 without gaps, `time` is Unix milliseconds, fixed when it happened. */
export type Recorded<Event> = { seq: number; time: number } & Event;

/** A line of a run's journal. */
export type JournalRecord = Recorded<RunEvent>;

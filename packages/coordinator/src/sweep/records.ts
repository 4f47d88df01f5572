import type { Plain } from '../experiment/yaml.js';
import type { RunManifest, RunResult } from '../training/records.js';

/** What was given on the command line in place of what the files say. */
export interface SweepOverrides {
  /** `key=value` each, of the base experiment; see `applyOverride`. */
  set?: readonly string[];
  seeds?: number;
}

/** Where a sweep stands in a queue. */
export interface QueuePlace {
  /** The queue's folder, an absolute path. */
  folder: string;
  /** The entry's name: the time of submission and part of the sweep's id, so that names sort in the order of coming. */
  entry: string;
}

/** Everything that somebody needs to know, later, of how a sweep was started. */
export interface SweepManifest extends Pick<RunManifest, 'commandLine' | 'startedAt' | 'user' | 'git' | 'host'> {
  /** Identifies the sweep everywhere, MLflow included. A UUID. */
  runId: string;
  name: string;
  /** The sweep's file and the base experiment's, as they were named. */
  file: string;
  base: string;
  overrides?: SweepOverrides;
  /** prunegrid's and Node's. */
  versions: Record<string, string>;
  cells: number;
  trials: number;
  /** Keys that vary, without the seed. */
  axes: string[];
  /** Where it was submitted to a queue. */
  queue?: QueuePlace;
}

/** A run folder within the sweep's, such as `trials/7/attempt-1` or `dense/0123456789ab`, with a journal of its own. */
export interface JobFolder {
  folder: string;
  /** Of the run. */
  runId: string;
  attempt: number;
  /** Numbers of the trainers that it is computed on. */
  trainers: number[];
  /** Where an attempt of before goes on: the epochs that its run had finished. */
  resumedAt?: number;
}

/** What happened in a sweep; what happened within each run is in the run's own journal. */
export type SweepEvent =
  | { type: 'sweep-started'; manifest: SweepManifest }
  /** `again`: trials that had failed and are tried once more; `added`: trials that the plan has gained. */
  | { type: 'sweep-resumed'; commandLine: string[]; again: number[]; added: number }
  | { type: 'trainer-joined'; trainer: number; host: string; pid: number; engine: string; device: string }
  | { type: 'trainer-left'; trainer: number }
  /** The dense network of that `denseKey` was in the store already, trained by the run `runId`, of this or an earlier sweep. */
  | { type: 'dense-reused'; key: string; runId: string }
  | ({ type: 'dense-started'; key: string } & JobFolder)
  | { type: 'dense-finished'; key: string; attempt: number }
  /** To go on at once with more trainers. */
  | { type: 'dense-paused'; key: string; attempt: number }
  | ({ type: 'dense-failed'; key: string; attempt: number } & FailedAttempt)
  | ({ type: 'trial-started'; trial: number; settings: Record<string, Plain>; seed: number } & JobFolder)
  /** A point of a chain: its result and its network were in the store already, computed by the run `runId` of an earlier sweep. */
  | { type: 'trial-reused'; trial: number; runId: string; result: RunResult }
  | { type: 'trial-finished'; trial: number; attempt: number; result: RunResult }
  /** To go on at once with more trainers. */
  | { type: 'trial-paused'; trial: number; attempt: number }
  /** By the sweep's early stopping. */
  | { type: 'trial-stopped'; trial: number; attempt: number; reason: string }
  | ({ type: 'trial-failed'; trial: number; attempt: number } & FailedAttempt)
  /** Nothing is left to do; `failed` counts trials that have failed for good. */
  | { type: 'sweep-finished'; finished: number; stopped: number; failed: number }
  | { type: 'sweep-interrupted'; reason: string };

interface FailedAttempt {
  /** A `FailureKind`, or "internal". */
  kind: string;
  message: string;
  /** Whether another attempt follows. */
  again: boolean;
}

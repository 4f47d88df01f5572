import type { Failure } from '@prunegrid/core/failure';
import type { Named } from '@prunegrid/core/registry';
import type { Host } from '@prunegrid/core/runtime';

/** Resources that each trainer needs on its machine. */
export interface TrainerResources {
  /** Threads of the trainer's engine. A launcher that reserves processors reserves the same number. */
  threads: number;
}

/**
 * - `started`: the trainer has started. It has not connected to the coordinator yet.
 * - `ended`: the trainer has ended without being stopped. If it could not be started, no `started` event precedes.
 *   `failure` gives the reason in one line, including the reason that the trainer itself has printed.
 *
 * `trainer` names the trainer in messages, for example `process 4711`. The name is unique within the launch.
 */
export type LaunchEvent = { type: 'started'; trainer: string } | { type: 'ended'; trainer: string; failure: Failure };

export interface LaunchRequest {
  /** Number of trainers to start, which may be 0. */
  trainers: number;
  /** Address to which each trainer connects, as HOST:PORT. */
  coordinator: string;
  /**
   * Secret by which the coordinator admits a trainer: what `--token-file` names. It must reach the trainer in a way that
   * other users cannot read, such as standard input (`--token-file -`) or a file with the mode 0600, and never as an
   * argument or in the environment. Undefined if the certificates of `tls` suffice.
   */
  token: string | undefined;
  /** Folder with the certificates of each trainer, which `--tls` names; absent without encryption. */
  tls?: string | undefined;
  resources: TrainerResources;
  /** Absolute paths of files that each trainer loads by `--extension`. */
  extensions: readonly string[];
  /** Called for each event, in order, until `stop` is called. It must not throw. */
  onEvent: (event: LaunchEvent) => void;
}

/** Trainers that were started together. */
export interface Launch {
  /** Starts one trainer to replace one that has ended. It does nothing after `stop` has been called. */
  replace(): void;
  /**
   * Ends a trainer that the coordinator has given up because it was silent, for example since its process was stopped.
   * Its `ended` event follows. It does nothing for a process that this launch has not started, and a launcher leaves it out if
   * it cannot tell.
   */
  giveUp?(process: { host: string; pid: number }): void;
  /**
   * Waits `graceMs` milliseconds for the trainers to leave, ends those that are left, and resolves when all have ended,
   * including those that were about to start. A second call returns when the first one does. Never rejects.
   */
  stop(graceMs: number): Promise<void>;
}

/**
 * A way to start trainers, for example as processes of this machine or as jobs of a cluster. A launcher knows only that
 * a trainer has started or ended; the coordinator's pool knows whether it works. `superviseTrainers` decides, for all
 * launchers, when a trainer is replaced. Every launcher must pass `describeLauncher` of the package `testing`.
 */
export interface Launcher extends Named {
  /**
   * Starts the trainers and returns immediately. It never throws, because a trainer that cannot be started causes an
   * event.
   * @param runtime runtime of the machine on which the coordinator runs
   */
  launch(runtime: Host, request: LaunchRequest): Launch;
}

import type { Failure } from '@prunegrid/core/failure';
import type { Named } from '@prunegrid/core/registry';
import type { Host } from '@prunegrid/core/runtime';

/** What each trainer needs of the machine that it runs on. */
export interface TrainerResources {
  /** Threads that its engine computes with: a launcher that reserves processors reserves as many. */
  threads: number;
}

/**
 * - `started`: the trainer exists. It has not dialled the coordinator yet.
 * - `ended`: it has gone without being stopped, or could not be started at all; then no `started` has come before. `failure` says why, in
 *   one line, with what the trainer itself has said of it.
 *
 * `trainer` names the trainer in messages and tells it from all others of the launch, such as `process 4711`.
 */
export type LaunchEvent = { type: 'started'; trainer: string } | { type: 'ended'; trainer: string; failure: Failure };

export interface LaunchRequest {
  /** Trainers to start; 0 is allowed. */
  trainers: number;
  /** HOST:PORT, which each of them dials. */
  coordinator: string;
  resources: TrainerResources;
  /** Files that each of them loads by `--extension`: absolute paths. */
  extensions: readonly string[];
  /** Is called in the order of what happens, and no more once `stop` has been called. It must not throw. */
  onEvent: (event: LaunchEvent) => void;
}

/** Trainers that were started together. */
export interface Launch {
  /** Starts one more, in the place of one that has ended. Does nothing once `stop` has been called. */
  replace(): void;
  /**
   * Gives the trainers `graceMs` milliseconds to leave by themselves, ends those that stay, and resolves when none is left, those
   * included that were about to start. A second call waits for the same end. Never rejects.
   */
  stop(graceMs: number): Promise<void>;
}

/**
 * A way to start trainers: as processes of this machine, as jobs of a cluster. Who wants to know whether a trainer works looks at the
 * coordinator's pool, which it joins; a launcher only knows that the trainer was started and that it has ended. When a trainer is
 * replaced, and when that is given up, is the same for all launchers: see `superviseTrainers`. Every launcher must pass
 * `launcherConformance`.
 */
export interface Launcher extends Named {
  /**
   * Starts the trainers and returns at once. It never throws: a trainer that cannot be started is an event.
   * @param runtime the machine that the coordinator runs on
   */
  launch(runtime: Host, request: LaunchRequest): Launch;
}

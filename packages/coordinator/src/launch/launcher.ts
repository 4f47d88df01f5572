import type { Failure } from '@prunegrid/core/failure';
import type { Named } from '@prunegrid/core/registry';
import type { Host } from '@prunegrid/core/runtime';
import { z } from 'zod';

/** Resources that each trainer needs on its machine. */
export interface TrainerResources {
  /** Threads of the trainer's engine. A launcher that reserves processors reserves the same number. */
  threads: number;
}

/**
 * Why a trainer has ended without being stopped by its launch.
 * - `failed`: by itself, with an error. It may be replaced, unless this happens again and again.
 * - `preempted`: something else took its place: a node was lost, a time limit is near, others came first. It may be
 *   replaced however often that happens.
 * - `requeued`: the same, and what runs the trainers will start it again by itself. It must not be replaced.
 * - `cancelled`: somebody has ended it on purpose. It must not be replaced.
 * - `refused`: it was not started, and never will be as it was asked for. It must not be replaced, nor any other one.
 */
export type EndCause = 'failed' | 'preempted' | 'requeued' | 'cancelled' | 'refused';

/**
 * - `waiting`: so many trainers have not started yet, for a reason that the user should know. It is told again when
 *   their number or the reason changes.
 * - `started`: the trainer has started. It has not connected to the coordinator yet.
 * - `ended`: the trainer has ended without being stopped. If it could not be started, no `started` event precedes.
 *   `failure` gives the reason in one line, including the reason that the trainer itself has printed.
 *
 * `trainer` names the trainer in messages, for example `process 4711`. The name is unique among the trainers of the
 * launch that are there at the same time.
 */
export type LaunchEvent =
  | { type: 'waiting'; trainers: number; reason: string }
  | { type: 'started'; trainer: string }
  | { type: 'ended'; trainer: string; cause: EndCause; failure: Failure };

export interface LaunchRequest {
  /** What the messages and the jobs of a cluster call the launch: the name of the experiment or the sweep. */
  name: string;
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
  /** File of mode 0600 that holds the token. Present if the launcher is `remote` and there is a token. */
  tokenFile?: string | undefined;
  /** Folder with the certificates of each trainer, which `--tls` names; absent without encryption. */
  tls?: string | undefined;
  resources: TrainerResources;
  /** Absolute paths of files that each trainer loads by `--extension`. */
  extensions: readonly string[];
  /** The keys of `launch` in the spec, as the launcher's schema has parsed them. */
  keys: LaunchKeys;
  /**
   * Absolute path of a folder in which the launcher may keep scripts and the trainers' logs, below that of the run or the
   * sweep. It may not exist yet, or hold what an earlier launch has left.
   */
  folder: string;
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

/** The keys of `launch` that every launcher has. */
export const commonKeys = {
  /** The launcher's name. */
  name: z.string(),
};

/** The schema of the keys of a launcher that has none of its own. */
export const noKeys = z.strictObject(commonKeys);

/** The keys of `launch` in a spec, with the defaults of the launcher. */
export type LaunchKeys = z.infer<typeof noKeys>;

/** A coordinator that is to run as a job of its own, and what it will ask of the launcher then. */
export interface CoordinatorRequest extends Pick<
  LaunchRequest,
  'name' | 'trainers' | 'resources' | 'extensions' | 'keys' | 'folder'
> {
  /** Absolute path of the file to which the coordinator prints. */
  log: string;
  /** The words that start this program. */
  program: readonly string[];
  /** The folder of the work, which holds `folder` and `log`. */
  home: string;
  /** Returns the words that start the work in a folder that is prepared for it, and go on with it when they are run again. */
  resume: (home: string) => readonly string[];
  /** The same for a disk on which nothing is prepared. */
  afresh: {
    /** The files that describe the work, by their absolute paths. */
    files: readonly { path: string; text: string }[];
    /** Returns the words that start the work in a new folder, by the first of these files. */
    begin: (file: string, home: string) => readonly string[];
    /** The name of the file in the folder that tells that the work has begun. */
    begun: string;
  };
}

/** Coordinators as jobs of a cluster, so that nothing of a run need stay on the machine where it was asked for. */
export interface CoordinatorJobs {
  /** Whether their folders are on a disk of the cluster, which this machine does not see. */
  readonly elsewhere?: boolean;
  /** Returns what `submit` would submit, and what that would submit for its trainers, as text for people. */
  print(host: Host, request: CoordinatorRequest): string;
  /**
   * Submits the coordinator and returns the name of its job, how it is ended, and, if its folder is elsewhere, how it is
   * followed. Throws Failure.
   */
  submit(host: Host, request: CoordinatorRequest): Promise<{ job: string; end: string; follow?: string }>;
}

/**
 * A way to start trainers, for example as processes of this machine or as jobs of a cluster. A launcher knows only that
 * a trainer has started or ended; the coordinator's pool knows whether it works. `superviseTrainers` decides, for all
 * launchers, when a trainer is replaced. Every launcher must pass `describeLauncher` of the package `testing`.
 */
export interface Launcher extends Named {
  /** Schema of the keys of `launch` in a spec, which extends `commonKeys`. If absent, the launcher has no keys of its own. */
  readonly keys?: z.ZodType<LaunchKeys>;
  /**
   * Whether trainers run on other machines. By default the coordinator then listens on all interfaces and encrypts by a
   * certificate of its own, instead of listening to this machine alone.
   */
  readonly remote?: boolean;
  /**
   * Whether trainers may wait for their turn, or for somebody to start them. By default the coordinator then waits for them
   * without a limit.
   */
  readonly queues?: boolean;
  /**
   * Whether trainers are started by hand. The coordinator then prints the command for it, and the launcher is asked for no
   * trainers.
   */
  readonly byHand?: boolean;
  /** Coordinators as jobs; absent if a coordinator can only be a process of the machine where it is started. */
  readonly coordinators?: CoordinatorJobs;
  /**
   * Starts the trainers and returns immediately. It never throws, because a trainer that cannot be started causes an
   * event.
   * @param runtime runtime of the machine on which the coordinator runs
   */
  launch(runtime: Host, request: LaunchRequest): Launch;
}

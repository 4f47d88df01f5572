import { describeExtensions } from '@prunegrid/coordinator/experiment/extension-files';
import { loadRecorded } from '@prunegrid/coordinator/extension';
import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import { requireTrainers, type TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import {
  createSweepFolder,
  lockSweep,
  readSweep,
  type SweepFile,
  writeSweepFile,
} from '@prunegrid/coordinator/sweep/folder';
import { planSweep as planTrials, type SweepPlan } from '@prunegrid/coordinator/sweep/planner/plan';
import { reconcile } from '@prunegrid/coordinator/sweep/planner/resume';
import { queuedAt } from '@prunegrid/coordinator/sweep/queue/folder';
import type { SweepEvent, SweepManifest, SweepOverrides } from '@prunegrid/coordinator/sweep/records';
import type { Job } from '@prunegrid/coordinator/sweep/scheduler/job';
import {
  beginning,
  openSweep,
  runSweep as runTrials,
  sweepResources,
} from '@prunegrid/coordinator/sweep/scheduler/sweep';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import { requireTracking } from '@prunegrid/coordinator/tracking/address';
import { describeInvocation } from '@prunegrid/coordinator/training/manifest';
import type { Recorded } from '@prunegrid/coordinator/journal/encoding';
import { Failure } from '@prunegrid/core/failure';
import { claimNewFolder } from '@prunegrid/core/files/new-folder';
import type { HeldLock } from '@prunegrid/core/locks/file-lock';
import type { Host } from '@prunegrid/core/runtime';
import { version } from '@prunegrid/core/version';
import { relative, resolve } from 'node:path';

import { requireEngines } from '../engines.js';
import { catalogue } from './catalogue.js';
import { type ApiContext, ignore, type Notices, timeInName } from './context.js';
import { DEFAULT_RETRIES, trainerChoice, trainersBy } from './defaults.js';
import { interruptible } from './interruptible.js';
import type { Progress } from './run.js';
import { sweepSubscribers } from './sweep-subscribers.js';

/** A sweep that was read and validated, with all its trials. */
export interface PlannedSweep {
  /** The file that it was read from. */
  readonly file: string;
  /** The values that replace those of the files. */
  readonly overrides: SweepOverrides;
  readonly plan: SweepPlan;
}

/** A sweep that is about to start or to be resumed. */
export interface StartedSweep {
  folder: string;
  plan: SweepPlan;
  /** The state of all trials. It includes each event before `onEvent` is called with it. */
  state: SweepState;
}

export interface FollowSweepOptions extends Partial<TrainerChoice>, Notices {
  /**
   * The name of the launcher that starts the trainers, in place of what the experiment or the sweep says. By default
   * `local`, which starts processes of this machine.
   */
  launch?: string;
  /** How many trials may run at the same time. By default, as many as the trainers allow. */
  maxConcurrent?: number;
  /** How many times a trial that has lost a trainer is tried again. By default 3. */
  retries?: number;
  /** Whether the sweep ends when the first trial has failed for the last time. By default false. */
  failFast?: boolean;
  /**
   * The address of an MLflow server to which the sweep is sent. By default, the server to which the sweep was sent
   * before, or otherwise MLFLOW_TRACKING_URI.
   */
  mlflow?: string;
  /**
   * When this signal aborts, the sweep ends after the current step. Running trials are saved, and the sweep can be
   * resumed.
   */
  signal?: AbortSignal;
  /** Called once, before the first event. */
  onStart?: (sweep: StartedSweep) => void;
  /** Called with each event of the sweep after it was written to the journal. It must not throw. */
  onEvent?: (event: Recorded<SweepEvent>) => void;
  /** Called with the progress of a trial or a dense network between events. It must not throw. */
  onProgress?: (job: Job, progress: Progress) => void;
}

export interface SweepOptions extends FollowSweepOptions {
  /** The sweep's folder, new or empty. By default `sweeps/NAME-TIME`. */
  folder?: string;
}

export interface ResumeSweepOptions extends FollowSweepOptions {
  /** Whether only the failed trials are run again. By default false. */
  failed?: boolean;
  /** Whether trials are added that the sweep's file has gained since the sweep started. By default false. */
  extend?: boolean;
}

/** A sweep that has ended. Its state includes the trials that failed. */
export type FinishedSweep = StartedSweep;

export async function planSweep(
  file: string,
  overrides: SweepOverrides,
  { runtime }: ApiContext,
): Promise<PlannedSweep> {
  const { set, seeds } = overrides;
  const given = { ...(set && { set }), ...(seeds !== undefined && { seeds }) };
  return { file, overrides: given, plan: await planTrials(runtime, file, catalogue, given) };
}

export async function runSweep(
  sweep: PlannedSweep,
  options: SweepOptions,
  context: ApiContext,
): Promise<FinishedSweep> {
  const { plan } = sweep;
  requireTrainers(choiceOf(plan, options, context.runtime), launchOf(plan, options).launcher);
  requireTracking(options.mlflow, context.variables);
  await requireEngines(enginesOf(plan), options.onInstall ?? ignore);
  const { runtime } = context;
  const folder = resolve(options.folder ?? (await claimSweepFolder(runtime, plan)));
  const manifest = await describeSweep(sweep, trainerChoice(options).extensions, context);
  await createSweepFolder(runtime, folder, { manifest, plan });
  const lock = await lockSweep(runtime, folder);
  try {
    return await runToEnd(folder, lock, { manifest, plan }, options, context);
  } finally {
    await lock.release();
  }
}

export async function resumeSweep(
  place: string,
  options: ResumeSweepOptions,
  context: ApiContext,
): Promise<FinishedSweep> {
  requireTracking(options.mlflow, context.variables);
  const { runtime } = context;
  const folder = resolve(place);
  const { manifest, plan: before, state } = await readSweep(runtime, folder);
  if (manifest.queue && (await queuedAt(runtime, manifest.queue))) throw inQueue(place, manifest.queue.folder);
  const { onWarning = ignore } = options;
  const { extensions: named } = trainerChoice(options);
  const extensions = await loadRecorded(runtime, place, manifest.extensions ?? [], named, onWarning);
  const lock = await lockSweep(runtime, folder);
  try {
    const { extend = false, failed = false } = options;
    const now = await planTrials(runtime, manifest.file, catalogue, manifest.overrides);
    requireTrainers(choiceOf(now, options, runtime), launchOf(now, options).launcher);
    const plan = reconcile(before, now, { file: manifest.file, folder: place, extend });
    const again = failed
      ? before.trials.map(({ number }) => number).filter((number) => state.trials.get(number)?.status === 'failed')
      : [];
    const added = plan.trials.length - before.trials.length;
    const waiting = state.count('waiting') + state.count('running') + added;
    if (failed ? again.length === 0 : waiting === 0) throw nothingToDo(place, state.count('failed'), failed);
    await requireEngines(enginesOf(plan), options.onInstall ?? ignore);
    const sweep = { manifest: { ...manifest, trials: plan.trials.length }, plan };
    if (added > 0) await writeSweepFile(runtime, folder, sweep);
    const changes = { again, added, only: failed };
    return await runToEnd(folder, lock, sweep, { ...options, extensions }, context, changes);
  } finally {
    await lock.release();
  }
}

const launchOf = (plan: SweepPlan, { launch }: FollowSweepOptions) => chooseLauncher(launchers, plan, launch);

const choiceOf = (plan: SweepPlan, options: FollowSweepOptions, { machine }: Pick<Host, 'machine'>) =>
  trainerChoice(options, trainersBy(launchOf(plan, options).launcher, machine, enginesOf(plan)));

/**
 * Makes a folder for a sweep for which the user named none. Returns its path relative to the working folder. Throws
 * Failure.
 */
export const claimSweepFolder = (runtime: Host, { name }: SweepPlan): Promise<string> =>
  claimNewFolder(runtime, 'sweeps', `${name}-${timeInName(runtime.clock.now())}`);

const enginesOf = ({ trials }: SweepPlan): string[] => trials.map(({ spec }) => spec.engine);

/**
 * Returns the manifest that records how a sweep was started.
 * @param extensions absolute paths of the extensions that were loaded
 */
export async function describeSweep(
  { file, plan, overrides }: PlannedSweep,
  extensions: readonly string[],
  { runtime }: ApiContext,
): Promise<SweepManifest> {
  return {
    runId: runtime.random.uuid(),
    name: plan.name,
    file: relative('', file),
    base: plan.base,
    overrides,
    versions: { prunegrid: version, node: process.version },
    cells: new Set(plan.trials.map(({ cell }) => cell)).size,
    trials: plan.trials.length,
    axes: [...new Set(plan.trials.flatMap(({ settings }) => Object.keys(settings)))],
    ...(extensions.length > 0 && { extensions: await describeExtensions(runtime, extensions) }),
    ...(await describeInvocation(runtime)),
  };
}

/**
 * Runs the trials of a sweep that have not finished. The caller has locked the sweep's folder.
 * @param changes how the sweep is resumed: the failed trials to try again, the number of added trials, and whether only
 *   those are run
 */
async function runToEnd(
  folder: string,
  lock: HeldLock,
  sweep: SweepFile,
  options: FollowSweepOptions,
  context: ApiContext,
  changes: { again: number[]; added: number; only: boolean } = { again: [], added: 0, only: false },
): Promise<FinishedSweep> {
  const { onStart, onEvent = ignore, onProgress = ignore, onWarning = ignore, signal } = options;
  const open = await openSweep(context.runtime, folder, sweep, lock);
  const started = { folder, plan: sweep.plan, state: open.state };
  const { again, added, only } = changes;
  onStart?.(started);
  await interruptible(signal, `resume the sweep in ${folder}`, (stopped, interrupted) =>
    runTrials(open, beginning(open, { again, added }), {
      resources: sweepResources(context.runtime, Infinity),
      launch: launchOf(sweep.plan, options),
      trainers: choiceOf(sweep.plan, options, context.runtime),
      only: only ? new Set(again) : undefined,
      maxConcurrent: options.maxConcurrent ?? Infinity,
      retries: options.retries ?? DEFAULT_RETRIES,
      failFast: options.failFast ?? false,
      subscribers: sweepSubscribers(options.mlflow, context),
      signal: stopped,
      interrupted,
      onEvent,
      warn: onWarning,
      onProgress,
    }),
  );
  return started;
}

const inQueue = (place: string, queue: string): Failure =>
  new Failure(
    'input',
    `${place}: is in the queue ${queue}, whose server resumes it: take it out first with prunegrid sweep cancel ${place}`,
  );

function nothingToDo(place: string, failures: number, failed: boolean): Failure {
  if (failed) return new Failure('input', `${place}: no trial has failed`);
  const remedy = failures > 0 ? `; try the ${failures} that failed again with --failed` : '; add to it with --extend';
  return new Failure('input', `${place}: every trial has ended already${remedy}`);
}

import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import { loadRecorded } from '@prunegrid/coordinator/extension';
import type { Journal } from '@prunegrid/coordinator/journal/journal';
import { canonicalJson } from '@prunegrid/coordinator/experiment/keys';
import { journalFile, readJournal } from '@prunegrid/coordinator/journal/reading';
import { chooseLauncher, launchers } from '@prunegrid/coordinator/launch';
import { requireTrainers, type TrainerChoice, withTrainersOfRun } from '@prunegrid/coordinator/launch/trainers';
import { epochTimesOf, rememberEpochTimes } from '@prunegrid/coordinator/sweep/planner/epoch-times';
import { requireTracking } from '@prunegrid/coordinator/tracking/address';
import { startMirror } from '@prunegrid/coordinator/tracking/mirror';
import { destinationOf } from '@prunegrid/coordinator/tracking/sync';
import { type JournaledRun, runJournaled } from '@prunegrid/coordinator/training/job';
import { throttled, type TimedProgress } from '@prunegrid/coordinator/training/progress';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import { type JournalRecord, type RunEvent, runJournal, type RunResult } from '@prunegrid/coordinator/training/records';
import { readResumeState } from '@prunegrid/coordinator/training/resume-state';
import { prune } from '@prunegrid/coordinator/training/run';
import { removeSnapshots } from '@prunegrid/coordinator/training/snapshot';
import { createRunFolder } from '@prunegrid/coordinator/training/run-folder';
import { Failure } from '@prunegrid/core/failure';
import { holdLock } from '@prunegrid/core/locks/file-lock';
import type { Host } from '@prunegrid/core/runtime';
import { claimNewFolder } from '@prunegrid/core/files/new-folder';
import { loadModel } from '@prunegrid/trainer/models/load';
import { join, resolve } from 'node:path';

import { type ApiContext, ignore, type Notices, timeInName } from './context.js';
import { requireEngines } from '../engines.js';
import { trainerChoice, trainersBy } from './defaults.js';
import type { Experiment } from './experiment.js';
import { interruptible } from './interruptible.js';

/** How long the end of a run waits until MLflow has received the remaining records, in milliseconds. */
const DRAIN_MS = 30_000;
/** How long to wait for the reason why a trainer ended, in milliseconds. */
const REASON_MS = 1000;

/**
 * The progress of a run, reported at most about ten times per second. `loss` (in nats) and `accuracy` (a share) are
 * those of the latest training images. `imagesPerSecond` is smoothed, and absent while there is nothing to measure it by.
 */
export type Progress = TimedProgress;

/** A run that is about to start or to be resumed. */
export interface StartedRun {
  folder: string;
  spec: Spec;
  /** The earlier events, if the run is resumed. */
  history: readonly JournalRecord[];
}

export interface FollowOptions extends Partial<TrainerChoice>, Notices {
  /**
   * The name of the launcher that starts the trainers, in place of what the experiment or the sweep says. By default
   * `local`, which starts processes of this machine.
   */
  launch?: string;
  /**
   * The address of an MLflow server to which the run is sent. By default, the server to which the run was sent before,
   * or otherwise MLFLOW_TRACKING_URI.
   */
  mlflow?: string;
  /** When this signal aborts, the run ends after the current step. It is saved and can be resumed. */
  signal?: AbortSignal;
  /** Called once, before the first event. */
  onStart?: (run: StartedRun) => void;
  /** Called with each event after it was written to the journal. It must not throw. */
  onEvent?: (event: JournalRecord) => void;
  /** Called with the run's progress between events. It must not throw. */
  onProgress?: (progress: Progress) => void;
}

export interface RunOptions extends FollowOptions {
  /** The run folder, new or empty. By default `runs/NAME-seedSEED-TIME`. */
  folder?: string;
}

export interface FinishedRun {
  folder: string;
  result: RunResult;
}

/** The parts of a run that are known before its folder is locked and its trainers have started. */
type Prepared = Omit<JournaledRun, 'trainers' | 'runtime' | 'projector' | 'checkLock'>;

export async function runExperiment(
  { spec, file }: Experiment,
  options: RunOptions,
  context: ApiContext,
): Promise<FinishedRun> {
  const { runtime } = context;
  requireTrainers(choiceOf(spec, options, runtime), launchOf(spec, options).launcher);
  requireTracking(options.mlflow, context.variables);
  await requireEngines([spec.engine], options.onInstall ?? ignore);
  const folder = resolve(options.folder ?? (await claimRunFolder(runtime, spec)));
  if (await holdsRunOf(runtime, folder, spec)) return resumeExperiment(folder, options, context);
  await createRunFolder(runtime, folder);
  const { extensions } = trainerChoice(options);
  return runToEnd({ folder, runId: runtime.random.uuid(), spec, specFile: file, extensions }, options, context);
}

export async function resumeExperiment(
  place: string,
  options: FollowOptions,
  context: ApiContext,
): Promise<FinishedRun> {
  requireTracking(options.mlflow, context.variables);
  const folder = resolve(place);
  const { runtime } = context;
  const records = await readJournal(runtime, folder, runJournal);
  if (records.some(({ type }) => type === 'run-finished')) {
    // They are left if the coordinator was killed just after the end.
    await removeSnapshots(runtime, folder);
    throw new Failure('input', `${place}: has ended already`);
  }
  const [first] = records;
  const recorded = (first?.type === 'run-started' && first.manifest.extensions) || [];
  const { onWarning = ignore } = options;
  const extensions = await loadRecorded(runtime, place, recorded, trainerChoice(options).extensions, onWarning);
  if (first?.type === 'run-started') await loadModel(first.manifest.spec.model, runtime);
  const { resumeState, problems } = await readResumeState(runtime, folder);
  if (!resumeState) {
    const reasons = problems.map((problem) => ` (${problem})`).join('');
    throw new Failure(
      'input',
      `${place}: nothing was saved of it that it could be resumed from${reasons}: restart it with prunegrid run`,
    );
  }
  const { runId, spec, specFile, sweep } = resumeState.manifest;
  requireTrainers(choiceOf(spec, options, runtime), launchOf(spec, options).launcher);
  if (sweep) throw new Failure('input', `${place}: is part of a sweep: resume that, by prunegrid sweep resume`);
  for (const problem of problems) onWarning(`${problem}; what was saved before is used`);
  await requireEngines([spec.engine], options.onInstall ?? ignore);
  return runToEnd({ folder, runId, spec, specFile, extensions, resumeState }, { ...options, extensions }, context);
}

/** Whether the folder holds a run of the same experiment that has not finished. */
async function holdsRunOf(runtime: Host, folder: string, spec: Spec): Promise<boolean> {
  if (!(await runtime.files.status(journalFile(folder)))) return false;
  const records = await readJournal(runtime, folder, runJournal);
  const [first] = records;
  if (first?.type !== 'run-started' || records.some(({ type }) => type === 'run-finished')) return false;
  return canonicalJson(first.manifest.spec) === canonicalJson(spec);
}

const launchOf = (spec: Spec, { launch }: FollowOptions) => chooseLauncher(launchers, spec, launch);

const choiceOf = (spec: Spec, options: FollowOptions, { machine }: Pick<Host, 'machine'>) =>
  trainerChoice(options, trainersBy(launchOf(spec, options).launcher, machine, [spec.engine], spec.batch.microBatches));

/**
 * Makes a folder for a run for which the user named none. Returns its path relative to the working folder. Throws
 * Failure.
 */
export const claimRunFolder = (runtime: Host, { name, seed }: Spec): Promise<string> =>
  claimNewFolder(runtime, 'runs', `${name}-seed${seed}-${timeInName(runtime.clock.now())}`);

/** Runs an experiment in its folder, with all subscribers of its journal. */
async function runToEnd(run: Prepared, options: FollowOptions, context: ApiContext): Promise<FinishedRun> {
  const { folder, spec, resumeState } = run;
  const { signal, onStart, onWarning = ignore } = options;
  const { runtime } = context;
  const choice = choiceOf(spec, options, runtime);
  const launch = launchOf(spec, options);
  const lock = await lockRun(runtime, folder);
  const locked = { ...run, runtime, projector: new Projector(runtime), checkLock: () => lock.check() };
  try {
    onStart?.({ folder, spec, history: resumeState?.records ?? [] });
    const result = await interruptible(signal, `resume the run in ${folder}`, (stopped, interrupted) =>
      withTrainersOfRun(
        spec,
        choice,
        {
          ...{ runtime, launch, purpose: { name: spec.name, folder } },
          ...{ warn: onWarning, interrupted, signal: stopped },
        },
        (trainers, ended) => runOn({ ...locked, trainers }, ended, options, context),
      ),
    );
    if (!resumeState && choice.external === 0) await measure(runtime, folder, spec, onWarning);
    return { folder, result };
  } finally {
    await lock.release();
  }
}

async function runOn(
  run: JournaledRun,
  ended: Promise<never>,
  { mlflow: url, onEvent = ignore, onProgress = ignore, onWarning: warn = ignore }: FollowOptions,
  { runtime, variables: environment }: ApiContext,
): Promise<RunResult> {
  const { folder, spec } = run;
  const destination = await destinationOf(folder, { url, environment, warn, runtime });
  const watch = (journal: Journal<RunEvent>) => {
    journal.subscribe(onEvent);
    if (!destination) return undefined;
    const mirror = startMirror({ ...destination, folder, journal, environment, warn, runtime });
    return async () => void (await mirror.drain(DRAIN_MS));
  };
  return runJournaled(
    run,
    (context) => prune({ ...context, onProgress: throttled(runtime.clock, spec.batch.global, onProgress) }),
    { watch, explain: (error) => withReason(error, ended, runtime), warn },
  );
}

/** Stores the measured epoch times of a run, by which later sweeps are planned. */
async function measure(runtime: Host, folder: string, spec: Spec, warn: (line: string) => void): Promise<void> {
  const times = epochTimesOf(await readJournal(runtime, folder, runJournal));
  if (times) await rememberEpochTimes(runtime, spec, times, warn);
}

/**
 * Locks the run folder, because two coordinators must not run one experiment in one folder. Throws Failure if another
 * one holds the lock.
 */
const lockRun = (runtime: Host, folder: string) =>
  holdLock(
    runtime,
    join(folder, 'coordinator.lock'),
    (holder) => new Failure('environment', `${folder}: ${holder} is working on this run: wait for its end`),
  );

/**
 * A broken stream is noticed before the end of the trainer process. This function waits for the latter, because its
 * message is more helpful.
 */
async function withReason(error: unknown, ended: Promise<never>, { clock }: Host): Promise<unknown> {
  if (!(error instanceof Failure) || error.kind !== 'trainers') return error;
  return Promise.race([ended, clock.sleep(REASON_MS).then(() => error)]).catch((reason: unknown) => reason);
}

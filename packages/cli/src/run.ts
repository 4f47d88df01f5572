import { nodeHost } from '@prunegrid/core/node';
import { randomUUID } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { Failure } from '@prunegrid/core/failure';
import { nodeRuntime } from '@prunegrid/transport/node';

import type { TrainerGroup } from '@prunegrid/coordinator/cluster';
import { loadSpec } from '@prunegrid/coordinator/experiment/load';
import type { Spec } from '@prunegrid/coordinator/experiment/spec';
import type { Journal } from '@prunegrid/coordinator/journal/journal';
import { holdLock } from '@prunegrid/core/locks/file-lock';
import { readJournal } from '@prunegrid/coordinator/journal/reading';
import { type RunEvent, runJournal, type RunResult } from '@prunegrid/coordinator/training/records';
import { launchers } from '@prunegrid/coordinator/launch';
import { requireTrainers, withTrainers } from '@prunegrid/coordinator/launch/trainers';
import { renderComparison } from './screen/run-result.js';
import { epochTimesOf, rememberEpochTimes } from '@prunegrid/coordinator/sweep/planner/epoch-times';
import { requireTracking } from '@prunegrid/coordinator/tracking/address';
import { startMirror } from '@prunegrid/coordinator/tracking/mirror';
import { destinationOf } from '@prunegrid/coordinator/tracking/sync';
import { hasDataOf, readResumeState } from '@prunegrid/coordinator/training/resume-state';
import { throttled } from '@prunegrid/coordinator/training/progress';
import { runJournaled, type JournaledRun } from '@prunegrid/coordinator/training/job';
import { Projector } from '@prunegrid/coordinator/training/projecting';
import { prune } from '@prunegrid/coordinator/training/run';
import { createRunFolder } from '@prunegrid/coordinator/training/run-folder';
import { requireEngines } from './engines.js';
import { untilInterrupted } from './interruption.js';
import type { TrainerFlags } from './options.js';
import { catalogue } from './sweep/catalogue.js';
import { createScreen, type Screen, screenMode } from './screen/index.js';

export interface ResumeOptions extends TrainerFlags {
  mlflow?: string;
  json: boolean;
}

export interface RunOptions extends ResumeOptions {
  set: string[];
  out?: string;
  seed?: number;
}

/** How long the end of a run waits for MLflow to take the rest, in milliseconds. */
const DRAIN_MS = 30_000;
/** How long the reason for a trainer's end may take to arrive, in milliseconds. */
const REASON_MS = 1000;

/** `prunegrid run`. Throws Failure; the journal then ends with it. */
export async function run(file: string, options: RunOptions): Promise<void> {
  requireTrainers(options);
  requireTracking(options.mlflow);
  const overrides = options.seed === undefined ? options.set : [...options.set, `seed=${options.seed}`];
  const { spec } = await loadSpec(file, overrides, catalogue);
  const folder = resolve(options.out ?? defaultFolder(spec));
  await requireEngines([spec.engine]);
  await createRunFolder(nodeHost, folder);
  await runExperiment({ folder, runId: randomUUID(), spec, specFile: file }, options);
}

/** `prunegrid resume`: goes on with a run that was interrupted, with the same bits. Throws Failure, also where it cannot go on. */
export async function resume(place: string, options: ResumeOptions): Promise<void> {
  requireTrainers(options);
  requireTracking(options.mlflow);
  const folder = resolve(place);
  const records = await readJournal(nodeHost, folder, runJournal);
  if (records.some(({ type }) => type === 'run-finished')) throw new Failure('input', `${place}: has ended already`);
  const { resumeState, problems } = await readResumeState(nodeHost, folder);
  if (!resumeState) {
    const reasons = problems.map((problem) => ` (${problem})`).join('');
    throw new Failure(
      'input',
      `${place}: nothing was saved of it that it could be resumed from${reasons}: begin anew with prunegrid run`,
    );
  }
  for (const problem of problems) console.error(`prunegrid: ${problem}; an older snapshot is used`);
  const { runId, spec, specFile, sweep } = resumeState.manifest;
  if (sweep) throw new Failure('input', `${place}: is part of a sweep: go on with that, by prunegrid sweep resume`);
  await requireEngines([spec.engine]);
  await runExperiment({ folder, runId, spec, specFile, resumeState }, options);
}

const defaultFolder = ({ name, seed }: Spec): string => {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return join('runs', `${name}-seed${seed}-${time}`);
};

/** What is known of a run before its machine and trainers are. */
type Experiment = Omit<JournaledRun, 'group' | 'runtime' | 'projector' | 'checkLock'>;

/** Runs an experiment with all that is fed from its journal, and shows what it came to. */
async function runExperiment(run: Experiment, options: ResumeOptions): Promise<void> {
  const { folder, spec, resumeState } = run;
  const shown = relative('', folder) || '.';
  const lock = await lockRun(folder);
  const locked = { ...run, runtime: nodeHost, projector: new Projector(nodeHost.clock), checkLock: () => lock.check() };
  const screen = createScreen({
    mode: screenMode({ json: options.json, isTTY: process.stdout.isTTY, term: process.env['TERM'] }),
    stdout: process.stdout,
    stderr: process.stderr,
  });
  if (resumeState) screen.recall(resumeState.records);
  const interruption = untilInterrupted(`go on with prunegrid resume ${shown}`);
  try {
    const { happened: interrupted, signal } = interruption;
    const events = {
      runtime: nodeRuntime,
      launcher: launchers.get(options.launcher),
      warn: (line: string) => screen.warn(line),
      replace: false,
      interrupted,
    };
    const result = await withTrainers(spec, options, events, ({ pool }, ended) =>
      pool.lease(pool.freeCount, (group) => runOn(group, ended, locked, options.mlflow, screen), signal),
    );
    if (!resumeState && options.external === 0) await measure(folder, spec);
    screen.close();
    if (!options.json) console.log(`\n${renderComparison(result, shown)}`);
  } finally {
    screen.close();
    interruption.ignore();
    await lock.release();
  }
}

async function runOn(
  group: TrainerGroup,
  ended: Promise<never>,
  run: Omit<JournaledRun, 'group'>,
  mlflow: string | undefined,
  screen: Screen,
): Promise<RunResult> {
  const { folder, spec, resumeState } = run;
  if (resumeState && !hasDataOf(resumeState, group.trainers[0])) {
    throw new Failure(
      'input',
      `${folder}: was trained on other data than the trainers have: begin anew with prunegrid run`,
    );
  }
  const destination = await destinationOf(folder, { ...(mlflow && { url: mlflow }) });
  const watch = (journal: Journal<RunEvent>) => {
    journal.subscribe((record) => screen.event(record));
    if (!destination) return undefined;
    const mirror = startMirror({ ...destination, folder, journal, warn: (line) => screen.warn(line) });
    return async () => void (await mirror.drain(DRAIN_MS));
  };
  const onProgress = throttled(nodeHost.clock, spec.batch.global, (progress) => screen.progress(progress));
  return runJournaled({ ...run, group }, (context) => prune({ ...context, onProgress }), {
    watch,
    explain: (error) => withReason(error, ended),
  });
}

/** Keeps the times of a run for later plans. */
async function measure(folder: string, spec: Spec): Promise<void> {
  const times = epochTimesOf(await readJournal(nodeHost, folder, runJournal));
  if (times) await rememberEpochTimes(nodeHost, spec, times, (line) => console.error(line));
}

/** Two coordinators must not work on one run. Throws Failure where another one does. */
const lockRun = (folder: string) =>
  holdLock(
    nodeHost,
    join(folder, 'coordinator.lock'),
    (holder) => new Failure('environment', `${folder}: ${holder} is working on this run: wait for its end`),
  );

/** A broken stream comes first, how its trainer ended a moment later: that is the better thing to say. */
async function withReason(error: unknown, ended: Promise<never>): Promise<unknown> {
  if (!(error instanceof Failure) || error.kind !== 'trainers') return error;
  return Promise.race([ended, setTimeout(REASON_MS, error)]).catch((reason: unknown) => reason);
}

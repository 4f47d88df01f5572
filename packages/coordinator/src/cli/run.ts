import { randomUUID } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { datasetNames } from '@prunegrid/trainer/datasets';
import { Failure } from '@prunegrid/trainer/failure';
import { models } from '@prunegrid/trainer/models';

import { Gateway, type TrainerGroup } from '../cluster/index.js';
import { loadSpec } from '../experiment/load.js';
import type { Spec } from '../experiment/spec.js';
import { Journal } from '../journal/journal.js';
import { recordMetrics } from '../journal/metrics-file.js';
import type { JournalRecord, RunResult } from '../journal/records.js';
import { launchLocally } from '../launch/local.js';
import { renderComparison } from '../report/table.js';
import { epochTimesOf, rememberEpochTimes } from '../sweep/epoch-times.js';
import { type Mirror, startMirror } from '../tracking/mirror.js';
import { experimentName } from '../tracking/sync.js';
import { describeRun } from '../training/manifest.js';
import { prune, type StepProgress } from '../training/run.js';
import { createRunFolder, writeJson } from '../training/run-folder.js';
import { requireEngine } from './engine.js';
import { createScreen, type Screen, screenMode } from './screen/index.js';
import { version } from './version.js';

export interface RunOptions {
  set: string[];
  trainers: number;
  external: number;
  listen: string;
  wait: number;
  out?: string;
  mlflow?: string;
  seed?: number;
  json: boolean;
}

/** How long the end of a run waits for MLflow to take the rest, in milliseconds. */
const DRAIN_MS = 30_000;
/** How long the reason for a trainer's end may take to arrive, in milliseconds. */
const REASON_MS = 1000;
/** The screen is told of progress at most this often, in milliseconds. */
const PROGRESS_MS = 100;

/** `prunegrid run`. Throws Failure; the journal then ends with it. */
export async function run(file: string, options: RunOptions): Promise<void> {
  if (options.trainers + options.external === 0) {
    throw new Failure(
      'input',
      '--trainers 0: a run needs a trainer: add --external N for those that are started elsewhere',
    );
  }
  const overrides = options.seed === undefined ? options.set : [...options.set, `seed=${options.seed}`];
  const { spec } = await loadSpec(file, overrides, { models: [...models.values()], datasets: datasetNames });
  await requireEngine((line) => console.error(line));

  const screen = createScreen({
    mode: screenMode({ json: options.json, isTTY: process.stdout.isTTY, term: process.env['TERM'] }),
    stdout: process.stdout,
    stderr: process.stderr,
  });
  const folder = resolve(options.out ?? defaultFolder(spec));
  try {
    await createRunFolder(folder);
    const result = await withTrainers(spec, options, screen, (group, ended) =>
      journalled(group, ended, folder, file, spec, options, screen),
    );
    screen.close();
    if (!options.json) console.log(`\n${renderComparison(result, relative(process.cwd(), folder) || '.')}`);
  } finally {
    screen.close();
  }
}

const defaultFolder = ({ name, seed }: Spec): string => {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return join('runs', `${name}-seed${seed}-${time}`);
};

/** Opens the door, starts the local trainers, waits for all and hands them to `work`; lets them go whatever happens. */
async function withTrainers<T>(
  spec: Spec,
  options: RunOptions,
  screen: Screen,
  work: (group: TrainerGroup, ended: Promise<never>) => Promise<T>,
): Promise<T> {
  const { name, validation, limit = 0 } = spec.dataset;
  const gateway = await Gateway.open({
    listen: options.listen,
    version,
    terms: { model: spec.model, dataset: { name, validation, limit }, threads: spec.threadsPerTrainer },
    parameters: (models.get(spec.model) as { size: number }).size,
    warn: (line) => screen.warn(line),
    waiting: (here, of) => {
      if (options.external > 0) screen.warn(`${here} of ${of} trainers are here`);
    },
  });
  if (options.external > 0)
    screen.warn(`waiting for ${options.external} trainers: prunegrid trainer --coordinator ${gateway.address}`);
  const local = launchLocally(options.trainers, gateway.address);
  const interruption = untilInterrupted();
  const ended = Promise.race([local.ended, interruption.happened]);
  try {
    const group = await gateway.admit(options.trainers + options.external, options.wait, ended);
    const result = await work(group, ended);
    await group.finish();
    return result;
  } finally {
    interruption.ignore();
    gateway.close();
    await local.stop();
  }
}

/** Runs the experiment with a journal, and everything that is fed from it; `ended` rejects when it must stop. */
async function journalled(
  group: TrainerGroup,
  ended: Promise<never>,
  folder: string,
  file: string,
  spec: Spec,
  options: RunOptions,
  screen: Screen,
): Promise<RunResult> {
  const manifest = await describeRun({ runId: randomUUID(), spec, specFile: file, version, members: group.members });
  await writeJson(join(folder, 'manifest.json'), manifest);
  const journal = await Journal.create(folder);
  const metrics = recordMetrics(journal);
  let mirror: Mirror | undefined;
  try {
    const records: JournalRecord[] = [];
    journal.subscribe((record) => {
      records.push(record);
      screen.event(record);
    });
    const url = options.mlflow ?? process.env['MLFLOW_TRACKING_URI'];
    if (url) {
      mirror = startMirror({ url, experiment: experimentName(), folder, journal, warn: (line) => screen.warn(line) });
    }
    await journal.append({ type: 'run-started', manifest });
    for (const { number, hello, ready } of group.members) {
      await journal.append({
        type: 'trainer-joined',
        trainer: number,
        host: hello.host,
        pid: hello.pid,
        engine: ready.engine,
        device: ready.device,
      });
    }
    try {
      const pruning = prune({
        spec,
        runId: manifest.runId,
        model: models.get(spec.model) as NonNullable<ReturnType<typeof models.get>>,
        group,
        journal,
        folder,
        onProgress: throttled(spec.batch.global, screen),
        now: () => performance.now(),
      });
      const result = await Promise.race([pruning, ended]);
      const times = options.external === 0 ? epochTimesOf(records) : undefined;
      if (times) await rememberEpochTimes(spec, times);
      return result;
    } catch (caught) {
      const error = await withReason(caught, ended);
      const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
      await journal.append({ type: 'run-failed', kind, message });
      throw error;
    }
  } finally {
    await mirror?.drain(DRAIN_MS);
    await metrics.close();
    await journal.close();
  }
}

/** A broken stream comes first, how its trainer ended a moment later: that is the better thing to say. */
async function withReason(error: unknown, ended: Promise<never>): Promise<unknown> {
  if (!(error instanceof Failure) || error.kind !== 'trainers') return error;
  return Promise.race([ended, setTimeout(REASON_MS, error)]).catch((reason: unknown) => reason);
}

/** Adds the speed to the training's progress and passes on what the screen can use. */
function throttled(globalBatch: number, screen: Screen): (progress: StepProgress) => void {
  let told = { at: performance.now(), totalStep: 0 };
  return (progress) => {
    const at = performance.now();
    if (at - told.at < PROGRESS_MS && progress.step < progress.steps) return;
    const imagesPerSecond = ((progress.totalStep - told.totalStep) * globalBatch * 1000) / (at - told.at);
    told = { at, totalStep: progress.totalStep };
    screen.progress({ ...progress, imagesPerSecond });
  };
}

/** Rejects when the user or the system asks the process to end. */
function untilInterrupted(): { happened: Promise<never>; ignore: () => void } {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let stop: (signal: NodeJS.Signals) => void;
  const happened = new Promise<never>((_, reject) => {
    stop = (signal) => reject(new Failure('interrupted', `${signal}: stopped; what was done is in the run folder`));
    for (const signal of signals) process.once(signal, stop);
  });
  happened.catch(() => undefined);
  return { happened, ignore: () => signals.forEach((signal) => process.off(signal, stop)) };
}

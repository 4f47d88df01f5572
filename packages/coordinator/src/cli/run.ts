import { randomUUID } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { datasetNames } from '@prunegrid/trainer/datasets';
import { Failure } from '@prunegrid/trainer/failure';
import { models } from '@prunegrid/trainer/models';

import type { TrainerGroup } from '../cluster/index.js';
import { loadSpec } from '../experiment/load.js';
import type { Spec } from '../experiment/spec.js';
import type { Journal } from '../journal/journal.js';
import type { JournalRecord, RunResult } from '../journal/records.js';
import { requireTrainers, type TrainerChoice, withTrainers } from '../launch/trainers.js';
import { renderComparison } from '../report/table.js';
import { epochTimesOf, rememberEpochTimes } from '../sweep/epoch-times.js';
import { requireTracking } from '../tracking/address.js';
import { startMirror } from '../tracking/mirror.js';
import { experimentName } from '../tracking/sync.js';
import { throttled } from '../training/progress.js';
import { recorded } from '../training/recorded.js';
import { prune } from '../training/run.js';
import { createRunFolder } from '../training/run-folder.js';
import { requireEngine } from './engine.js';
import { untilInterrupted } from './interruption.js';
import { createScreen, type Screen, screenMode } from './screen/index.js';

export interface RunOptions extends TrainerChoice {
  set: string[];
  out?: string;
  mlflow?: string;
  seed?: number;
  json: boolean;
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
  const { spec } = await loadSpec(file, overrides, { models: [...models.values()], datasets: datasetNames });
  await requireEngine((line) => console.error(line));

  const screen = createScreen({
    mode: screenMode({ json: options.json, isTTY: process.stdout.isTTY, term: process.env['TERM'] }),
    stdout: process.stdout,
    stderr: process.stderr,
  });
  const folder = resolve(options.out ?? defaultFolder(spec));
  const interruption = untilInterrupted('what was done is in the run folder');
  try {
    await createRunFolder(folder);
    const { happened: interrupted, signal } = interruption;
    const events = { warn: (line: string) => screen.warn(line), replace: false, interrupted };
    const result = await withTrainers(spec, options, events, ({ pool }, ended) =>
      pool.lend(pool.freeCount, (group) => runIn(folder, group, ended, file, spec, options, screen), signal),
    );
    screen.close();
    if (!options.json) console.log(`\n${renderComparison(result, relative(process.cwd(), folder) || '.')}`);
  } finally {
    screen.close();
    interruption.ignore();
  }
}

const defaultFolder = ({ name, seed }: Spec): string => {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return join('runs', `${name}-seed${seed}-${time}`);
};

/** Runs the experiment with all that is fed from its journal. */
async function runIn(
  folder: string,
  group: TrainerGroup,
  ended: Promise<never>,
  specFile: string,
  spec: Spec,
  options: RunOptions,
  screen: Screen,
): Promise<RunResult> {
  const records: JournalRecord[] = [];
  const watch = (journal: Journal) => {
    journal.subscribe((record) => {
      records.push(record);
      screen.event(record);
    });
    const url = options.mlflow ?? process.env['MLFLOW_TRACKING_URI'];
    if (!url) return undefined;
    const warn = (line: string) => screen.warn(line);
    const mirror = startMirror({ url, experiment: experimentName(), folder, journal, warn });
    return async () => void (await mirror.drain(DRAIN_MS));
  };
  const onProgress = throttled(spec.batch.global, (progress) => screen.progress(progress));
  const result = await recorded(
    { folder, runId: randomUUID(), spec, specFile, group },
    (context) => prune({ ...context, onProgress }),
    { watch, explain: (error) => withReason(error, ended) },
  );
  const times = options.external === 0 ? epochTimesOf(records) : undefined;
  if (times) await rememberEpochTimes(spec, times);
  return result;
}

/** A broken stream comes first, how its trainer ended a moment later: that is the better thing to say. */
async function withReason(error: unknown, ended: Promise<never>): Promise<unknown> {
  if (!(error instanceof Failure) || error.kind !== 'trainers') return error;
  return Promise.race([ended, setTimeout(REASON_MS, error)]).catch((reason: unknown) => reason);
}

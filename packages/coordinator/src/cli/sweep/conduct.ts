import { exitCodes, Failure, type FailureKind } from '@prunegrid/trainer/failure';
import { relative } from 'node:path';

import { Journal } from '../../journal/journal.js';
import { readJournal } from '../../journal/reading.js';
import type { TrainerChoice } from '../../launch/trainers.js';
import { renderStatus } from '../../report/sweep-status.js';
import { execute } from '../../sweep/execute.js';
import type { SweepFile } from '../../sweep/folder.js';
import type { SweepEvent } from '../../sweep/records.js';
import { SweepState } from '../../sweep/state.js';
import { type Mirror, startSweepMirror } from '../../tracking/mirror.js';
import { destinationOf } from '../../tracking/sync.js';
import { untilInterrupted } from '../interruption.js';
import { screenMode } from '../screen/index.js';
import { createSweepScreen } from '../screen/sweep.js';
import { weightsOfModel } from './catalogue.js';

export interface ConductOptions extends TrainerChoice {
  maxConcurrent?: number;
  retries: number;
  failFast: boolean;
  mlflow?: string;
  json: boolean;
}

/** How long the end of a sweep waits for MLflow to take the rest, in milliseconds. */
const DRAIN_MS = 30_000;

/**
 * Runs what is left of a sweep, whose folder the caller has locked, and shows it. Throws Failure where it ended before its time, and, of the kind of
 * the first one, where trials have failed.
 */
export async function conduct(
  folder: string,
  sweep: SweepFile,
  options: ConductOptions,
  first: Extract<SweepEvent, { type: 'sweep-started' | 'sweep-resumed' }>,
): Promise<void> {
  const { plan } = sweep;
  const place = relative('', folder) || '.';
  const state = new SweepState(plan.trials);
  const journal = await openJournal(folder, state, first.type === 'sweep-started');
  const interruption = untilInterrupted(`go on with prunegrid sweep resume ${place}`);
  const screen = createSweepScreen({
    mode: screenMode({ json: options.json, isTTY: process.stdout.isTTY, term: process.env['TERM'] }),
    stdout: process.stdout,
    stderr: process.stderr,
    plan,
    state,
    weights: weightsOfModel,
  });
  journal.subscribe((record) => {
    state.apply(record);
    screen.event(record);
  });
  let mirror: Mirror | undefined;
  try {
    const destination = await destinationOf(folder, { ...(options.mlflow && { url: options.mlflow }) });
    mirror = destination
      ? startSweepMirror({ ...destination, folder, journal, warn: (line) => screen.warn(line) })
      : undefined;
    await journal.append(first);
    await execute(folder, sweep, state, journal, {
      trainers: options,
      maxConcurrent: options.maxConcurrent ?? Infinity,
      retries: options.retries,
      failFast: options.failFast,
      signal: interruption.signal,
      interrupted: interruption.happened,
      warn: (line) => screen.warn(line),
      onProgress: (work, progress) => screen.progress(work, progress),
    });
  } finally {
    await report(folder).catch((error: Error) => screen.warn(error.message));
    await mirror?.drain(DRAIN_MS);
    screen.close();
    interruption.ignore();
    await journal.close();
  }
  if (!options.json) console.log(`\n${renderStatus({ plan, state, live: false }, place, weightsOfModel)}`);
  const failures = [...state.trials.values()].filter(({ status }) => status === 'failed');
  if (failures.length > 0) {
    throw new Failure(
      kindOf(failures[0].kind),
      `${failures.length} of ${plan.trials.length} trials failed: see prunegrid sweep status ${place}; then prunegrid sweep resume ${place} --failed`,
    );
  }
}

/** A picture of how far the sweep has come, also for MLflow, which has it from the sweep's folder. */
async function report(folder: string): Promise<void> {
  // What draws is loaded only when there is something to draw.
  const [{ readReport }, { writeReport }] = await Promise.all([
    import('../../report/sweep/data.js'),
    import('../../report/sweep/write.js'),
  ]);
  await writeReport(await readReport(folder));
}

/** For the exit code; what nobody expected counts as the environment's. */
const kindOf = (kind = ''): FailureKind => (Object.hasOwn(exitCodes, kind) ? (kind as FailureKind) : 'environment');

async function openJournal(folder: string, state: SweepState, anew: boolean): Promise<Journal<SweepEvent>> {
  if (anew) return Journal.create<SweepEvent>(folder);
  for (const record of await readJournal<SweepEvent>(folder)) state.apply(record);
  return Journal.reopen<SweepEvent>(folder);
}

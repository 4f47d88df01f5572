import { exitCodes, Failure, type FailureKind } from '@prunegrid/core/failure';
import { nodeRuntime } from '@prunegrid/transport/node';
import type { HeldLock } from '@prunegrid/core/locks/file-lock';
import { nodeHost } from '@prunegrid/core/node';
import { relative } from 'node:path';

import { launchers } from '@prunegrid/coordinator/launch';
import { renderStatus } from '@prunegrid/coordinator/report/sweep-status';
import type { SweepFile } from '@prunegrid/coordinator/sweep/folder';
import { openSweep, runSweep, sweepResources } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import { untilInterrupted } from '../interruption.js';
import type { TrainerFlags } from '../options.js';
import { screenMode } from '../screen/index.js';
import { createSweepScreen } from '../screen/sweep.js';
import { weightsOfModel } from './catalogue.js';
import { sweepSubscribers } from './subscribers.js';

export interface SweepCommandOptions extends TrainerFlags {
  maxConcurrent?: number;
  retries: number;
  failFast: boolean;
  mlflow?: string;
  json: boolean;
}

/**
 * Runs what is left of a sweep, whose folder the caller has locked, and shows it. Throws Failure where it ended before its time, and, of the kind of
 * the first one, where trials have failed.
 */
export async function runSweepWithScreen(
  folder: string,
  lock: HeldLock,
  sweep: SweepFile,
  options: SweepCommandOptions,
  first: Extract<SweepEvent, { type: 'sweep-started' | 'sweep-resumed' }>,
  only?: ReadonlySet<number>,
): Promise<void> {
  const { plan } = sweep;
  const place = relative('', folder) || '.';
  const open = await openSweep(nodeHost, folder, sweep, lock);
  const { state } = open;
  const interruption = untilInterrupted(`go on with prunegrid sweep resume ${place}`);
  const screen = createSweepScreen({
    mode: screenMode({ json: options.json, isTTY: process.stdout.isTTY, term: process.env['TERM'] }),
    stdout: process.stdout,
    stderr: process.stderr,
    plan,
    state,
    weights: weightsOfModel,
  });
  try {
    await runSweep(open, first, {
      resources: sweepResources(nodeRuntime, launchers.get(options.launcher), Infinity),
      trainers: options,
      only,
      maxConcurrent: options.maxConcurrent ?? Infinity,
      retries: options.retries,
      failFast: options.failFast,
      subscribers: sweepSubscribers(options.mlflow),
      signal: interruption.signal,
      interrupted: interruption.happened,
      onEvent: (record) => screen.event(record),
      warn: (line) => screen.warn(line),
      onProgress: (work, progress) => screen.progress(work, progress),
    });
  } finally {
    screen.close();
    interruption.ignore();
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

/** For the exit code; what nobody expected counts as the environment's. */
const kindOf = (kind = ''): FailureKind => (Object.hasOwn(exitCodes, kind) ? (kind as FailureKind) : 'environment');

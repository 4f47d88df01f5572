import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import { exitCodes, Failure, type FailureKind } from '@prunegrid/core/failure';
import { relative, resolve } from 'node:path';

import { weightsOfModel } from '../../api/catalogue.js';
import type { FinishedSweep, FollowSweepOptions } from '../../api/sweep.js';
import { type CommandEnvironment, complain, print, screenOptions } from '../../environment.js';
import { createSweepScreen, type SweepScreen } from '../../screen/sweep.js';
import { renderStatus } from '../../tables/sweep-status.js';

export interface SweepCommandOptions extends TrainerChoice {
  maxConcurrent?: number;
  retries: number;
  failFast: boolean;
  mlflow?: string;
  json: boolean;
}

/**
 * Shows a sweep on a screen while it is running, and how it stands at the end. Throws Failure if it was ended before its time, and, of the
 * first one's kind, if trials have failed.
 * @param run runs it, and is handed what follows it
 */
export async function showSweep(
  folder: string,
  { json, ...options }: SweepCommandOptions,
  environment: CommandEnvironment,
  run: (follow: FollowSweepOptions) => Promise<FinishedSweep>,
): Promise<void> {
  const place = relative('', resolve(folder)) || '.';
  const interruption = environment.interruption(`resume with prunegrid sweep resume ${place}`);
  let screen: SweepScreen | undefined;
  let finished: FinishedSweep;
  try {
    finished = await run({
      ...options,
      signal: interruption.signal,
      onStart({ plan, state }) {
        screen = createSweepScreen({ ...screenOptions(environment, json), plan, state, weights: weightsOfModel });
        // Before, there is nothing to save.
        interruption.listen();
      },
      onEvent: (record) => screen?.event(record),
      onProgress: (job, progress) => screen?.progress(job, progress),
      onWarning: (line) => screen?.warn(line),
      onInstall: (line) => complain(environment, line),
    });
  } finally {
    screen?.close();
    interruption.ignore();
  }
  const { plan, state } = finished;
  if (!json) print(environment, `\n${renderStatus({ plan, state, live: false }, place, weightsOfModel)}`);
  const failures = [...state.trials.values()].filter(({ status }) => status === 'failed');
  if (failures.length > 0) {
    throw new Failure(
      kindOf(failures[0].kind),
      `${failures.length} of ${plan.trials.length} trials failed: see prunegrid sweep status ${place}; then prunegrid sweep resume ${place} --failed`,
    );
  }
}

/** The kind that decides the exit code. A failure that nobody expected counts as the environment's. */
const kindOf = (kind = ''): FailureKind => (Object.hasOwn(exitCodes, kind) ? (kind as FailureKind) : 'environment');

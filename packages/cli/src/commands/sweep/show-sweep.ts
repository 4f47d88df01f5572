import type { TrainerChoice } from '@prunegrid/coordinator/launch/trainers';
import { exitCodes, Failure, type FailureKind } from '@prunegrid/core/failure';
import { relative, resolve } from 'node:path';

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
 * Shows a sweep on a screen while it runs, and at the end the state of its trials. Throws Failure if the sweep was
 * interrupted or if trials have failed; in the latter case the kind is that of the first failed trial.
 * @param run starts the sweep and receives the callbacks that follow it
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
        screen = createSweepScreen({ ...screenOptions(environment, json), plan, state });
        // Before this moment there is nothing to save, so signals keep their usual effect.
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
  if (!json) print(environment, `\n${renderStatus({ plan, state, live: false }, place)}`);
  const failures = [...state.trials.values()].filter(({ status }) => status === 'failed');
  if (failures.length > 0) {
    throw new Failure(
      kindOf(failures[0].kind),
      `${failures.length} of ${plan.trials.length} trials failed: see prunegrid sweep status ${place}; then prunegrid sweep resume ${place} --failed`,
    );
  }
}

/** Returns the kind that determines the exit code. An unexpected error counts as `environment`. */
const kindOf = (kind = ''): FailureKind => (Object.hasOwn(exitCodes, kind) ? (kind as FailureKind) : 'environment');

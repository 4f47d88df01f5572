import { describeExtensions } from '@prunegrid/coordinator/experiment/extension-files';
import { chooseLauncher, DEFAULT_LAUNCHER, launchers } from '@prunegrid/coordinator/launch';
import { createQueue, lockQueue } from '@prunegrid/coordinator/sweep/queue/folder';
import { sweepResources } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import { SweepServer } from '@prunegrid/coordinator/sweep/queue/server';
import { DEFAULT_ENGINE } from '@prunegrid/trainer/engines';
import { relative, resolve } from 'node:path';

import { sweepSubscribers } from '../api/sweep-subscribers.js';
import { type CommandEnvironment, complain, print, screenOptions } from '../environment.js';
import { requireEngines } from '../engines.js';
import { createServeScreen } from '../screen/serve.js';

export interface ServeOptions {
  trainers: number;
  maxSweeps: number;
  extensions: readonly string[];
  /** The name of the launcher that starts the trainers, whatever the sweeps say. */
  launch?: string;
  json: boolean;
}

/**
 * `prunegrid serve`: runs the sweeps of a queue until it is interrupted. Throws Failure, also when it is interrupted.
 */
export async function serve(
  place: string,
  { trainers, maxSweeps, extensions, launch = DEFAULT_LAUNCHER, json }: ServeOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const queue = resolve(place);
  await createQueue(environment.runtime, queue);
  const lock = await lockQueue(environment.runtime, queue);
  try {
    await requireEngines([DEFAULT_ENGINE], (line) => complain(environment, line));
    const shown = relative('', queue) || '.';
    const interruption = environment.interruption(`resume with prunegrid serve ${shown}`);
    const { signal } = interruption;
    interruption.listen();
    const screen = createServeScreen(screenOptions(environment, json));
    if (!json) {
      print(environment, `serving ${shown}: submit to it with prunegrid sweep submit FILE --queue ${shown}`);
    }
    await new SweepServer({
      resources: sweepResources(environment.runtime, trainers),
      launchOf: (plan) => chooseLauncher(launchers, plan, launch),
      queue,
      trainers,
      maxSweeps,
      extensions: await describeExtensions(environment.runtime, extensions),
      signal,
      subscribersOf: ({ mlflow }) => sweepSubscribers(mlflow, environment),
      onEvent: (sweep, record) => screen.event(sweep, record),
      onChange: (sweeps) => screen.sweeps(sweeps),
      warn: (line) => screen.warn(line),
    }).serve();
    screen.close();
    interruption.ignore();
    throw signal.reason;
  } finally {
    await lock.release();
  }
}

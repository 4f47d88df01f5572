import { relative, resolve } from 'node:path';

import { nodeRuntime } from '@prunegrid/transport/node';
import { launchers } from '@prunegrid/coordinator/launch';
import { createQueue, lockQueue } from '@prunegrid/coordinator/sweep/queue/folder';
import { sweepResources } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import { SweepServer } from '@prunegrid/coordinator/sweep/queue/server';
import { DEFAULT_ENGINE } from '@prunegrid/trainer/engines';
import { requireEngines } from './engines.js';
import { untilInterrupted } from './interruption.js';
import { screenMode } from './screen/index.js';
import { createServeScreen } from './screen/serve.js';
import { sweepSubscribers } from './sweep/subscribers.js';

export interface ServeOptions {
  trainers: number;
  maxSweeps: number;
  extensions: readonly string[];
  json: boolean;
}

/** `prunegrid serve`: works on the sweeps of a queue until it is interrupted, which it throws as Failure. */
export async function serve(place: string, { trainers, maxSweeps, extensions, json }: ServeOptions): Promise<void> {
  const queue = resolve(place);
  await createQueue(nodeRuntime, queue);
  const lock = await lockQueue(nodeRuntime, queue);
  try {
    await requireEngines([DEFAULT_ENGINE]);
    const shown = relative('', queue) || '.';
    const interruption = untilInterrupted(`go on with prunegrid serve ${shown}`);
    const screen = createServeScreen({
      mode: screenMode({ json, isTTY: process.stdout.isTTY, term: process.env['TERM'] }),
      stdout: process.stdout,
      stderr: process.stderr,
    });
    if (!json) console.log(`serving ${shown}: submit to it with prunegrid sweep submit FILE --queue ${shown}`);
    const { signal } = interruption;
    await new SweepServer({
      resources: sweepResources(nodeRuntime, launchers.get('local'), trainers),
      queue,
      trainers,
      maxSweeps,
      extensions,
      signal,
      subscribersOf: ({ mlflow }) => sweepSubscribers(mlflow),
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

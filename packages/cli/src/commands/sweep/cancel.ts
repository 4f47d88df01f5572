import { coordinatorOf, readSweepFile } from '@prunegrid/coordinator/sweep/folder';
import { serverOf } from '@prunegrid/coordinator/sweep/queue/folder';
import { Failure } from '@prunegrid/core/failure';
import { resolve } from 'node:path';

import { type CommandEnvironment, print } from '../../environment.js';
import { withdraw } from './enqueue.js';
import { soon } from './waiting.js';

/**
 * `prunegrid sweep cancel`: ends a running sweep after the current step, as Ctrl-C does, and removes it from its queue.
 * Throws Failure if it is neither running on this machine nor queued.
 */
export async function sweepCancel(
  place: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const { clock, processes } = runtime;
  const folder = resolve(place);
  const { manifest } = await readSweepFile(runtime, folder);
  const withdrawn = await withdraw(runtime, manifest);
  const holder = await coordinatorOf(runtime, folder);
  if (!holder && !withdrawn) throw new Failure('input', `${place}: is not running`);
  // A server ends the sweep without a signal when the sweep is no longer in the queue.
  const served = withdrawn || (manifest.queue && (await serverOf(runtime, manifest.queue.folder))?.pid === holder?.pid);
  if (holder && !served) {
    if (holder.host !== processes.host) {
      throw new Failure('input', `${place}: is run by process ${holder.pid} on ${holder.host}: cancel it there`);
    }
    // The file could have been written by anybody who may write into the folder, and could name any process.
    if (processes.ownerOf(holder.pid) !== holder.owner) {
      throw new Failure(
        'input',
        `${place}: its lock was not written by process ${holder.pid}, which it names: remove it`,
      );
    }
    processes.kill(holder.pid, 'SIGTERM');
  }
  if (!(await soon(async () => (await coordinatorOf(runtime, folder)) === null, clock))) {
    const remedy = served ? 'look at the output of its server' : `kill ${holder?.pid} ends it at once`;
    throw new Failure('environment', `${place}: process ${holder?.pid} does not end the sweep: ${remedy}`);
  }
  if (json) print(environment, JSON.stringify({ folder: place, condition: 'interrupted' }));
  else print(environment, `${place}: ended; resume it with prunegrid sweep resume ${place}`);
}

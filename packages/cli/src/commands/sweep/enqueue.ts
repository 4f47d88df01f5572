import { createSweepFolder } from '@prunegrid/coordinator/sweep/folder';
import {
  createQueue,
  endEntry,
  entryName,
  listEntries,
  putEntry,
  serverOf,
} from '@prunegrid/coordinator/sweep/queue/folder';
import type { SweepManifest } from '@prunegrid/coordinator/sweep/records';
import { addressWithoutLogin } from '@prunegrid/coordinator/tracking/address';
import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { join, relative, resolve } from 'node:path';

import { claimSweepFolder, describeSweep, planSweep } from '../../api/sweep.js';
import { type CommandEnvironment, print } from '../../environment.js';
import type { SweepRunOptions } from './run.js';

export interface QueueOptions extends SweepRunOptions {
  queue: string;
  user?: string;
}

/** Flags for settings that the queue's server decides. */
const serversOwn = [
  '--trainers',
  '--launch',
  '--external',
  '--listen',
  '--token-file',
  '--tls',
  '--insecure',
  '--wait',
  '--reduction',
];

/**
 * `prunegrid sweep submit --queue`: plans a sweep, makes its folder and adds it to a queue, whether or not a server
 * runs. Throws Failure.
 * @param flags the flags that were given
 */
export async function sweepEnqueue(
  file: string,
  options: QueueOptions,
  flags: readonly string[],
  environment: CommandEnvironment,
): Promise<void> {
  const { set, seeds, queue: queuePlace, maxConcurrent, retries, failFast, json } = options;
  const { runtime, variables } = environment;
  const unfit = flags.find((flag) => serversOwn.includes(flag));
  if (unfit) throw new Failure('input', `${unfit}: the queue's server has trainers of its own: leave it out`);
  const mlflow = addressWithoutLogin(options.mlflow, variables);
  const sweep = await planSweep(file, { ...(set && { set }), ...(seeds !== undefined && { seeds }) }, environment);
  const { plan } = sweep;
  const described = await describeSweep(sweep, options.extensions, environment);
  const queue = resolve(queuePlace);
  const place = { folder: queue, entry: entryName(Date.parse(described.startedAt), described.runId) };
  const manifest: SweepManifest = { ...described, ...(options.user && { user: options.user }), queue: place };
  const shown = options.out ?? (await claimSweepFolder(runtime, plan));
  await createQueue(runtime, queue);
  await createSweepFolder(runtime, resolve(shown), { manifest, plan });
  await putEntry(runtime, place, {
    sweep: resolve(shown),
    ...(maxConcurrent !== undefined && { maxConcurrent }),
    retries,
    failFast,
    ...(mlflow && { mlflow }),
  }).catch(async (error: unknown) => {
    // Without this, the same command would fail the next time because the folder is taken.
    await runtime.files.remove(join(resolve(shown), 'sweep.json'));
    throw error;
  });
  const number = (await listEntries(runtime, queue)).indexOf(place.entry) + 1;
  const served = (await serverOf(runtime, queue)) !== null;
  if (json) return print(environment, JSON.stringify({ folder: shown, queue, place: number, served }));
  const shownQueue = relative('', queue) || '.';
  print(environment, `${plan.name}: number ${number} in ${shownQueue}, in ${shown}`);
  if (!served) print(environment, `No server is up: start one with prunegrid serve ${shownQueue}`);
  print(environment, `Watch it: prunegrid sweep watch ${shown}; take it out: prunegrid sweep cancel ${shown}`);
}

/**
 * Removes a sweep from its queue. If a server is running the sweep, this ends it. Returns false if the sweep was in no
 * queue.
 */
export const withdraw = async (runtime: Host, { queue }: SweepManifest): Promise<boolean> =>
  queue !== undefined && (await endEntry(runtime, queue));

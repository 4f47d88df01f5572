import { Failure } from '@prunegrid/core/failure';
import { nodeHost } from '@prunegrid/core/node';
import { rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';

import {
  createQueue,
  endEntry,
  entryName,
  listEntries,
  putEntry,
  serverOf,
} from '@prunegrid/coordinator/sweep/queue/folder';
import { createSweepFolder } from '@prunegrid/coordinator/sweep/folder';
import { planSweep } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepManifest } from '@prunegrid/coordinator/sweep/records';
import { addressWithoutLogin } from '@prunegrid/coordinator/tracking/address';
import { catalogue } from './catalogue.js';
import { defaultSweepFolder, describeSweep, type SweepRunOptions } from './run.js';

export interface QueueOptions extends SweepRunOptions {
  queue: string;
  user?: string;
}

/** Flags that say what the server decides. */
const serversOwn = ['--trainers', '--launcher', '--external', '--listen', '--wait', '--reduction'];

/**
 * `prunegrid sweep submit --queue`: plans a sweep, makes its folder and puts it into a queue, whether or not a server is up.
 * @param flags those that were given
 */
export async function sweepEnqueue(file: string, options: QueueOptions, flags: readonly string[]): Promise<void> {
  const { set, seeds, queue: queuePlace, maxConcurrent, retries, failFast, json } = options;
  const unfit = flags.find((flag) => serversOwn.includes(flag));
  if (unfit) throw new Failure('input', `${unfit}: the queue's server has trainers of its own: leave it out`);
  const mlflow = addressWithoutLogin(options.mlflow);
  const overrides = { ...(set && { set }), ...(seeds && { seeds }) };
  const plan = await planSweep(file, catalogue, overrides);
  const described = await describeSweep(file, plan, overrides);
  const queue = resolve(queuePlace);
  const place = { folder: queue, entry: entryName(Date.parse(described.startedAt), described.runId) };
  const manifest: SweepManifest = { ...described, ...(options.user && { user: options.user }), queue: place };
  const shown = options.out ?? defaultSweepFolder(plan.name);
  await createQueue(nodeHost, queue);
  await createSweepFolder(nodeHost, resolve(shown), { manifest, plan });
  await putEntry(nodeHost, place, {
    sweep: resolve(shown),
    ...(maxConcurrent !== undefined && { maxConcurrent }),
    retries,
    failFast,
    ...(mlflow && { mlflow }),
  }).catch(async (error: unknown) => {
    // Else the same command would find the folder taken.
    await rm(join(resolve(shown), 'sweep.json'), { force: true });
    throw error;
  });
  const number = (await listEntries(nodeHost, queue)).indexOf(place.entry) + 1;
  const served = (await serverOf(nodeHost, queue)) !== null;
  if (json) return console.log(JSON.stringify({ folder: shown, queue, place: number, served }));
  console.log(`${plan.name}: number ${number} in ${relative('', queue) || '.'}, in ${shown}`);
  if (!served) console.log(`No server is up: start one with prunegrid serve ${relative('', queue) || '.'}`);
  console.log(`Watch it: prunegrid sweep watch ${shown}; take it out: prunegrid sweep cancel ${shown}`);
}

/** Takes a sweep out of its queue, which ends it where a server works on it; false where it was in none. */
export const withdraw = async ({ queue }: SweepManifest): Promise<boolean> =>
  queue !== undefined && (await endEntry(nodeHost, queue));

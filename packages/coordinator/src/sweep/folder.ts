import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { type Format, readStored, writeStored } from '@prunegrid/core/formats';
import { type HeldLock, holdLock, liveHolder } from '@prunegrid/core/locks/file-lock';
import type { Host } from '@prunegrid/core/runtime';
import { z } from 'zod';

import { journalFile, readJournal } from '../journal/reading.js';
import { planSchema } from './planner/plan-format.js';
import { sweepJournal } from './journal-format.js';
import { sweepManifestSchema } from './records.js';
import { SweepState } from './state.js';

const sweepFileSchema = z.strictObject({ manifest: sweepManifestSchema, plan: planSchema });
/** `sweep.json`: what the sweep is, beside the journal, which says how far it has come. */
export type SweepFile = z.infer<typeof sweepFileSchema>;

export const sweepFormat: Format<typeof sweepFileSchema> = {
  name: 'prunegrid.sweep',
  version: 1,
  schema: sweepFileSchema,
};

const sweepFile = (folder: string): string => join(folder, 'sweep.json');
const lockFile = (folder: string): string => join(folder, 'coordinator.lock');

/** What lies in a sweep's folder before the sweep: the output of `prunegrid sweep submit`, and the lock. */
const beforeTheSweep = ['log.txt', 'coordinator.lock'];

/** Throws Failure if the folder holds anything but what `submit` puts there, or cannot be written. */
export async function createSweepFolder(runtime: Host, folder: string, file: SweepFile): Promise<void> {
  let held: string[];
  try {
    await runtime.files.makeFolder(folder);
    held = (await runtime.files.list(folder)).filter((name) => !beforeTheSweep.includes(name));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Failure('environment', `${folder}: cannot be made: ${reason}: choose another --out`, { cause });
  }
  if (held.includes('sweep.json')) {
    throw new Failure(
      'input',
      `${folder}: holds a sweep already: go on with it by prunegrid sweep resume ${folder}, or choose another --out`,
    );
  }
  if (held.length > 0) throw new Failure('input', `${folder}: is not empty (${held[0]}): choose another --out`);
  await writeSweepFile(runtime, folder, file);
}

/** Throws Failure `environment` if it cannot be written. */
export const writeSweepFile = (runtime: Host, folder: string, file: SweepFile): Promise<void> =>
  writeStored(runtime, sweepFile(folder), sweepFormat, file);

/** Throws Failure `input` if the folder holds no sweep, or one that is damaged or of another version. */
export async function readSweepFile(runtime: Pick<Host, 'files'>, folder: string): Promise<SweepFile> {
  const file = sweepFile(folder);
  // Anybody can put a folder into a queue: what is no file, such as a pipe, is not opened.
  if ((await runtime.files.status(file))?.kind !== 'file') {
    throw new Failure('input', `${folder}: holds no sweep: name a folder that prunegrid sweep run has made`);
  }
  return readStored(runtime, file, sweepFormat, 'restore it, or start a new sweep');
}

/** Whether work on the sweep has ever begun, so that it has a journal. */
export const hasBegun = async ({ files }: Pick<Host, 'files'>, folder: string): Promise<boolean> =>
  (await files.status(journalFile(folder))) !== undefined;

/** A sweep as its folder tells it at a moment. */
export interface ReadSweep extends SweepFile {
  state: SweepState;
  /** Whether a coordinator works on it. */
  live: boolean;
}

/** Throws Failure `input` if the folder holds no sweep, or one that is damaged or of another version. */
export async function readSweep(
  runtime: Pick<Host, 'clock' | 'files' | 'processes'>,
  folder: string,
): Promise<ReadSweep> {
  const file = await readSweepFile(runtime, folder);
  // Before the journal: a sweep that ends in between then still counts as live.
  const live = (await coordinatorOf(runtime, folder)) !== null;
  const state = new SweepState(file.plan.trials);
  const records = (await hasBegun(runtime, folder)) ? await readJournal(runtime, folder, sweepJournal) : [];
  for (const record of records) state.apply(record);
  return { ...file, state, live };
}

/** Two coordinators must not work on one sweep. Throws Failure if another one does. */
export function lockSweep(runtime: Host, folder: string): Promise<HeldLock> {
  return holdLock(
    runtime,
    lockFile(folder),
    (holder) =>
      new Failure(
        'environment',
        `${holder} is running the sweep in ${folder}: see it with prunegrid sweep watch ${folder}`,
      ),
  );
}

/** The process that runs the sweep; null if none does. */
export const coordinatorOf = (runtime: Pick<Host, 'clock' | 'files' | 'processes'>, folder: string) =>
  liveHolder(runtime, lockFile(folder));

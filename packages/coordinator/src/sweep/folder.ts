import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { type Format, parseStored, writeStored } from '@prunegrid/core/formats';
import { type HeldLock, holdLock, liveHolder } from '@prunegrid/core/locks/file-lock';
import { isMissing } from '@prunegrid/core/files';
import type { Host, OwnedFile } from '@prunegrid/core/runtime';
import { z } from 'zod';

import type { Recorded } from '../journal/encoding.js';
import { journalFile, readJournal } from '../journal/reading.js';
import { planSchema } from './planner/plan-format.js';
import { sweepJournal } from './journal-format.js';
import { sweepManifestSchema, type SweepEvent } from './records.js';
import { SweepState } from './state.js';

const sweepFileSchema = z.strictObject({ manifest: sweepManifestSchema, plan: planSchema });
/** Content of `sweep.json`, which describes the sweep. Its progress is in the journal. */
export type SweepFile = z.infer<typeof sweepFileSchema>;

export const sweepFormat: Format<typeof sweepFileSchema> = {
  name: 'prunegrid.sweep',
  version: 2,
  earlier: [1],
  schema: sweepFileSchema,
};

/** Largest size of `sweep.json`, in bytes. A trial takes about a kilobyte. */
const MOST_BYTES = 256 << 20;

/** The name of the file that makes a folder that of a sweep. */
export const SWEEP_FILE = 'sweep.json';
const sweepFile = (folder: string): string => join(folder, SWEEP_FILE);
const lockFile = (folder: string): string => join(folder, 'coordinator.lock');

/** Files that may be in a sweep's folder before the sweep: the output of `prunegrid sweep submit` and the lock. */
const beforeTheSweep = ['log.txt', 'coordinator.lock'];

/**
 * Creates a sweep's folder. Throws Failure if the folder holds files that `submit` does not write, or is not writable.
 */
export async function createSweepFolder(runtime: Host, folder: string, file: SweepFile): Promise<void> {
  let held: string[];
  try {
    await runtime.files.makeFolder(folder);
    held = (await runtime.files.list(folder)).filter((name) => !beforeTheSweep.includes(name));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Failure('environment', `${folder}: cannot be made: ${reason}: choose another --out`, { cause });
  }
  if (held.includes(SWEEP_FILE)) {
    throw new Failure(
      'input',
      `${folder}: holds a sweep already: go on with it by prunegrid sweep resume ${folder}, or choose another --out`,
    );
  }
  if (held.length > 0) throw new Failure('input', `${folder}: is not empty (${held[0]}): choose another --out`);
  await writeSweepFile(runtime, folder, file);
}

/** Writes `sweep.json`. Throws Failure `environment` if it cannot be written. */
export const writeSweepFile = (runtime: Host, folder: string, file: SweepFile): Promise<void> =>
  writeStored(runtime, sweepFile(folder), sweepFormat, file);

/** Reads `sweep.json`. Throws Failure `input` if the file is absent, damaged or of another version. */
export async function readSweepFile(runtime: Pick<Host, 'files'>, folder: string): Promise<SweepFile> {
  return (await readOwnedSweep(runtime, folder)).sweep;
}

/** Reads `sweep.json` as `readSweepFile` does, and returns also the number of the user who owns it. */
export async function readOwnedSweep(
  { files }: Pick<Host, 'files'>,
  folder: string,
): Promise<{ sweep: SweepFile; owner: number }> {
  const file = sweepFile(folder);
  let read: OwnedFile;
  try {
    // Any user can add a folder to a queue, so links, pipes and files without end are not read.
    read = await files.readOwned(file, MOST_BYTES, { followLinks: false });
  } catch (cause) {
    const reason = isMissing(cause) ? '' : ` (${(cause as Error).message})`;
    throw new Failure('input', `${folder}: holds no sweep${reason}: name a folder that prunegrid sweep run has made`, {
      cause,
    });
  }
  const { content, owner } = read;
  return { sweep: parseStored(content.toString('utf8'), file, sweepFormat, 'restore it, or start a new sweep'), owner };
}

/** Whether the sweep has ever been started and therefore has a journal. */
export const hasBegun = async ({ files }: Pick<Host, 'files'>, folder: string): Promise<boolean> =>
  (await files.status(journalFile(folder))) !== undefined;

/** A sweep as read from its folder at one moment. */
export interface ReadSweep extends SweepFile {
  /** The records of the journal; none if the sweep has not begun. */
  records: readonly Recorded<SweepEvent>[];
  /** The state after these records. */
  state: SweepState;
  /** Whether a coordinator is running the sweep. */
  live: boolean;
}

/** Reads a sweep and its journal. Throws Failure `input` if the folder holds none, or a damaged or unknown version. */
export async function readSweep(
  runtime: Pick<Host, 'clock' | 'files' | 'processes'>,
  folder: string,
): Promise<ReadSweep> {
  const file = await readSweepFile(runtime, folder);
  // This comes before the journal is read, so that a sweep that ends in between still counts as live.
  const live = (await coordinatorOf(runtime, folder)) !== null;
  const state = new SweepState(file.plan.trials);
  const records = (await hasBegun(runtime, folder)) ? await readJournal(runtime, folder, sweepJournal) : [];
  for (const record of records) state.apply(record);
  return { ...file, records, state, live };
}

/** Locks the sweep, because only one coordinator may run it. Throws Failure if another one holds the lock. */
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

/** Returns the process that runs the sweep, or null if there is none. */
export const coordinatorOf = (runtime: Pick<Host, 'clock' | 'files' | 'processes'>, folder: string) =>
  liveHolder(runtime, lockFile(folder));

import { Failure } from '@prunegrid/core/failure';
import { access, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { holdLock, liveHolder } from '@prunegrid/core/locks/file-lock';
import { writeJson } from '../../training/run-folder.js';
import type { QueuePlace } from '../records.js';

/*
 * A queue is a folder: `entries/` holds a file for each sweep that is to be worked on, in the order of their names, `ended/` holds
 * those that need no more work, and `server.lock` says who serves it. Moving an entry out of `entries/` ends its sweep.
 */

const entrySchema = z.strictObject({
  /** The sweep's folder, absolute. */
  sweep: z.string().min(1),
  maxConcurrent: z.int().min(1).optional(),
  retries: z.int().min(0),
  failFast: z.boolean(),
  mlflow: z.string().optional(),
});

/** Which sweep is to be worked on, and how. */
export type QueueEntry = z.infer<typeof entrySchema>;

const ending = '.json';
export const entryFile = ({ folder, entry }: QueuePlace, part: 'entries' | 'ended' = 'entries'): string =>
  join(folder, part, `${entry}${ending}`);

/** Throws Failure where the folder cannot be made. */
export async function createQueue(folder: string): Promise<void> {
  try {
    for (const part of ['entries', 'ended']) await mkdir(join(folder, part), { recursive: true });
  } catch (error) {
    throw new Failure('environment', `${folder}: cannot be made: ${(error as Error).message}: choose another queue`);
  }
}

/** For a sweep that is submitted now. */
export const entryName = (time: Date, runId: string): string =>
  `${time.toISOString().replaceAll(/[-:]/g, '')}-${runId.slice(0, 8)}`;

/** The names of the entries in the order in which they came. Throws Failure where the folder is no queue or cannot be read. */
export async function listEntries(folder: string, part: 'entries' | 'ended' = 'entries'): Promise<string[]> {
  try {
    const names = await readdir(join(folder, part));
    return names
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length))
      .sort();
  } catch (error) {
    throw new Failure('input', `${folder}: cannot be read as a queue: ${(error as Error).message}`, { cause: error });
  }
}

/** Throws Failure `input` where the entry is damaged. */
export async function readEntry(place: QueuePlace, part: 'entries' | 'ended' = 'entries'): Promise<QueueEntry> {
  const file = entryFile(place, part);
  try {
    return entrySchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new Failure('input', `${file}: is no entry of a queue: remove it, and submit its sweep anew`, { cause });
  }
}

/** Puts an entry into the queue, whole or not at all. Throws Failure where it cannot be written. */
export const putEntry = (place: QueuePlace, entry: QueueEntry): Promise<void> => writeJson(entryFile(place), entry);

/** Takes an entry out of those that are to be worked on; false where it was out already. */
export async function endEntry(place: QueuePlace): Promise<boolean> {
  try {
    await rename(entryFile(place), entryFile(place, 'ended'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw new Failure('environment', `${entryFile(place)}: cannot be moved: ${(error as Error).message}`);
  }
}

export const isQueued = (place: QueuePlace): Promise<boolean> =>
  access(entryFile(place)).then(
    () => true,
    () => false,
  );

/** Whether a server works on the queue that the sweep is waiting in; undefined if it is in none, or was taken out. */
export async function queuedAt(place: QueuePlace | undefined): Promise<{ served: boolean } | undefined> {
  if (!place || !(await isQueued(place))) return undefined;
  return { served: (await serverOf(place.folder)) !== null };
}

export const isQueue = (folder: string): Promise<boolean> =>
  access(join(folder, 'entries')).then(
    () => true,
    () => false,
  );

const lockFile = (folder: string): string => join(folder, 'server.lock');

/** Two servers must not serve one queue. Throws Failure where another one does. */
export function lockQueue(folder: string): Promise<{ release(): Promise<void> }> {
  return holdLock(
    lockFile(folder),
    (holder) =>
      new Failure('environment', `${folder}: is served by ${holder} already: submit to that one, or end it first`),
  );
}

/** The process that serves the queue; null where none does. */
export const serverOf = (folder: string) => liveHolder(lockFile(folder));

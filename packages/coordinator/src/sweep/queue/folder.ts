import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { isMissing } from '@prunegrid/core/files';
import { type Format, readStored, writeStored } from '@prunegrid/core/formats';
import { type HeldLock, holdLock, liveHolder } from '@prunegrid/core/locks/file-lock';
import type { Host } from '@prunegrid/core/runtime';
import { z } from 'zod';

import type { QueuePlace } from '../records.js';

/*
 * A queue is a folder: `entries/` holds a file for each sweep that is to be worked on, in the order of their names, `ended/` holds
 * those that need no more work, and `server.lock` says who serves it. Moving an entry out of `entries/` ends its sweep.
 *
 * Everybody who submits sweeps writes into the folder, so nothing in it is trusted.
 */

type Part = 'entries' | 'ended';

const entrySchema = z.strictObject({
  /** The sweep's folder, an absolute path. */
  sweep: z.string().min(1),
  maxConcurrent: z.int().min(1).optional(),
  retries: z.int().min(0),
  failFast: z.boolean(),
  mlflow: z.string().optional(),
});
/** Which sweep is to be worked on, and how. */
export type QueueEntry = z.infer<typeof entrySchema>;

export const entryFormat: Format<typeof entrySchema> = {
  name: 'prunegrid.queue-entry',
  version: 1,
  schema: entrySchema,
};

/** An entry takes some 200 bytes. */
const MOST_BYTES = 64 << 10;

const ending = '.json';
export const entryFile = ({ folder, entry }: QueuePlace, part: Part = 'entries'): string =>
  join(folder, part, `${entry}${ending}`);

/** Throws Failure if the folder cannot be made. */
export async function createQueue({ files }: Pick<Host, 'files'>, folder: string): Promise<void> {
  try {
    for (const part of ['entries', 'ended']) await files.makeFolder(join(folder, part));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Failure('environment', `${folder}: cannot be made: ${reason}: choose another queue`, { cause });
  }
}

/** For a sweep that is submitted at this time, in Unix milliseconds. */
export const entryName = (time: number, runId: string): string =>
  `${new Date(time).toISOString().replaceAll(/[-:]/g, '')}-${runId.slice(0, 8)}`;

/** The names of the entries in the order in which they came. Throws Failure if the folder is no queue or cannot be read. */
export async function listEntries(
  { files }: Pick<Host, 'files'>,
  folder: string,
  part: Part = 'entries',
): Promise<string[]> {
  try {
    const names = await files.list(join(folder, part));
    return names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  } catch (error) {
    throw new Failure('input', `${folder}: cannot be read as a queue: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Reads an entry. What cannot be one is not opened: a pipe would never end, a link may lead anywhere.
 * @throws Failure `input` if it is none, or one of another version
 */
export async function readEntry(
  { files }: Pick<Host, 'files'>,
  place: QueuePlace,
  part: Part = 'entries',
): Promise<QueueEntry> {
  const file = entryFile(place, part);
  const remedy = 'remove it, and submit its sweep again';
  const status = await files.status(file, { followLinks: false });
  if (status && status.kind !== 'file') {
    throw new Failure('input', `${file}: is no entry of a queue, since it is no file: ${remedy}`);
  }
  if (status && status.size > MOST_BYTES) {
    throw new Failure('input', `${file}: is no entry of a queue, since it has ${status.size} bytes: ${remedy}`);
  }
  try {
    return await readStored({ files }, file, entryFormat, remedy);
  } catch (cause) {
    if (!(cause instanceof Failure) || cause.kind !== 'input') throw cause;
    const reason = cause.message.replace(`${file} `, '');
    throw new Failure('input', `${file}: is no entry of a queue, since it ${reason}`, { cause });
  }
}

/** Puts an entry into the queue, whole or not at all. Throws Failure if it cannot be written. */
export const putEntry = (runtime: Host, place: QueuePlace, entry: QueueEntry): Promise<void> =>
  writeStored(runtime, entryFile(place), entryFormat, entry);

/** Takes an entry out of those that are to be worked on. Resolves to false if it was out already. */
export async function endEntry({ files }: Pick<Host, 'files'>, place: QueuePlace): Promise<boolean> {
  try {
    await files.rename(entryFile(place), entryFile(place, 'ended'));
    return true;
  } catch (cause) {
    if (isMissing(cause)) return false;
    throw new Failure('environment', `${entryFile(place)}: cannot be moved: ${(cause as Error).message}`, { cause });
  }
}

export const isQueued = async ({ files }: Pick<Host, 'files'>, place: QueuePlace): Promise<boolean> =>
  (await files.status(entryFile(place), { followLinks: false })) !== undefined;

/** Whether a server works on the queue that the sweep is waiting in; undefined if it is in none, or was taken out. */
export async function queuedAt(
  runtime: Pick<Host, 'clock' | 'files' | 'processes'>,
  place: QueuePlace | undefined,
): Promise<{ served: boolean } | undefined> {
  if (!place || !(await isQueued(runtime, place))) return undefined;
  return { served: (await serverOf(runtime, place.folder)) !== null };
}

export const isQueue = async ({ files }: Pick<Host, 'files'>, folder: string): Promise<boolean> =>
  (await files.status(join(folder, 'entries')))?.kind === 'folder';

const lockFile = (folder: string): string => join(folder, 'server.lock');

/** Two servers must not serve one queue. Throws Failure if another one does. */
export function lockQueue(runtime: Host, folder: string): Promise<HeldLock> {
  return holdLock(
    runtime,
    lockFile(folder),
    (holder) =>
      new Failure('environment', `${folder}: is served by ${holder} already: submit to that one, or end it first`),
  );
}

/** The process that serves the queue; null if none does. */
export const serverOf = (runtime: Pick<Host, 'clock' | 'files' | 'processes'>, folder: string) =>
  liveHolder(runtime, lockFile(folder));

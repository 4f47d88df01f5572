import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { isMissing } from '@prunegrid/core/files';
import { type Format, parseStored, writeStored } from '@prunegrid/core/formats';
import { type HeldLock, holdLock, liveHolder } from '@prunegrid/core/locks/file-lock';
import type { Host, OwnedFile } from '@prunegrid/core/runtime';
import { isModule } from '@prunegrid/trainer/datasets';
import { isModelModule } from '@prunegrid/trainer/models';
import { z } from 'zod';

import type { Spec } from '../../experiment/spec.js';
import type { QueuePlace } from '../records.js';

/*
 * A queue is a folder. `entries/` holds a file for each waiting or active sweep, and the names sort in the order of
 * submission. `ended/` holds the entries that need no more work, and `server.lock` names the process that serves the queue.
 * Moving an entry out of `entries/` ends its sweep.
 *
 * Every user who submits sweeps can write to the folder, so the server trusts nothing in it.
 */

type Part = 'entries' | 'ended';

const entrySchema = z.strictObject({
  /** Absolute path of the sweep's folder. */
  sweep: z.string().min(1),
  maxConcurrent: z.int().min(1).optional(),
  retries: z.int().min(0),
  failFast: z.boolean(),
  mlflow: z.string().optional(),
});
/** A queue entry: the sweep to run and its options. */
export type QueueEntry = z.infer<typeof entrySchema>;

/** An entry that was read, and the number of the user who owns its file. */
export type OwnedEntry = QueueEntry & { owner: number };

export const entryFormat: Format<typeof entrySchema> = {
  name: 'prunegrid.queue-entry',
  version: 2,
  earlier: [1],
  schema: entrySchema,
};

/** Largest size of an entry that is read, in bytes. A typical entry has about 200 bytes. */
const MOST_BYTES = 64 << 10;

const ending = '.json';
export const entryFile = ({ folder, entry }: QueuePlace, part: Part = 'entries'): string =>
  join(folder, part, `${entry}${ending}`);

/** Creates the folders of a queue. Throws Failure if they cannot be created. */
export async function createQueue({ files }: Pick<Host, 'files'>, folder: string): Promise<void> {
  try {
    for (const part of ['entries', 'ended']) await files.makeFolder(join(folder, part));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Failure('environment', `${folder}: cannot be made: ${reason}: choose another queue`, { cause });
  }
}

/** Returns the name of the entry of a sweep that is submitted at `time`, in Unix milliseconds. */
export const entryName = (time: number, runId: string): string =>
  `${new Date(time).toISOString().replaceAll(/[-:]/g, '')}-${runId.slice(0, 8)}`;

/** Returns the entries' names in the order of submission. Throws Failure if the folder is no queue or is unreadable. */
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
 * Reads an entry. It opens only plain files, because a pipe would never end and a link could point anywhere.
 * @throws Failure `input`, if the file is not an entry or has another version
 */
export async function readEntry(
  { files }: Pick<Host, 'files'>,
  place: QueuePlace,
  part: Part = 'entries',
): Promise<OwnedEntry> {
  const file = entryFile(place, part);
  const remedy = 'remove it, and submit its sweep again';
  let read: OwnedFile;
  try {
    read = await files.readOwned(file, MOST_BYTES, { followLinks: false });
  } catch (cause) {
    throw new Failure('input', `${file}: is no entry of a queue, since it ${reasonOf(cause)}: ${remedy}`, { cause });
  }
  try {
    const { content, owner } = read;
    return { ...parseStored(content.toString('utf8'), file, entryFormat, remedy), owner };
  } catch (cause) {
    if (!(cause instanceof Failure) || cause.kind !== 'input') throw cause;
    const reason = cause.message.replace(`${file} `, '');
    throw new Failure('input', `${file}: is no entry of a queue, since it ${reason}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EFBIG') return `has more than ${MOST_BYTES} bytes`;
  if (code === 'ENOENT') return 'does not exist';
  return ['EINVAL', 'ELOOP', 'EISDIR', 'ENXIO'].includes(code ?? '') ? 'is no file' : `cannot be read (${message})`;
}

/**
 * Throws a Failure unless the user who has submitted a sweep owns it, or is the server's user or root.
 * @param sweepOwner the number of the user who owns the sweep's file
 * @param userId the number of the server's user
 */
export function requireOwner({ sweep, owner }: OwnedEntry, sweepOwner: number, userId: number): void {
  if ([sweepOwner, userId, 0].includes(owner)) return;
  throw new Failure('input', `${sweep}: was submitted by user ${owner}, who does not own it: submit it as its owner`);
}

/**
 * Throws a Failure if trials have modules as their model, data, loss or metrics, which would be executed, and the sweep belongs to
 * another user: otherwise anybody who submits a sweep could have the server run any code.
 * @param owner the number of the user who owns the sweep's file
 */
export function requireNoModules(
  sweep: string,
  owner: number,
  trials: readonly { spec: Pick<Spec, 'model' | 'dataset' | 'loss' | 'metrics'> }[],
  userId: number,
): void {
  if (owner === userId) return;
  const module = trials
    .flatMap(({ spec: { model, dataset, loss = '', metrics = [] } }) => [
      ...[model, loss, ...metrics].filter(isModelModule),
      ...(isModule(dataset.name) ? [dataset.name] : []),
    ])
    .at(0);
  if (module === undefined) return;
  throw new Failure(
    'input',
    `${sweep}: has the module ${module}, and the server runs modules of its own user only: run it by prunegrid sweep run`,
  );
}

/** Adds an entry to the queue atomically. Throws Failure if the entry cannot be written. */
export const putEntry = (runtime: Host, place: QueuePlace, entry: QueueEntry): Promise<void> =>
  writeStored(runtime, entryFile(place), entryFormat, entry);

/** Moves an entry to `ended/`. Resolves to false if the entry was no longer in the queue. */
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

/** Whether a server serves the queue in which the sweep waits; undefined if the sweep is in no queue. */
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

/** Locks the queue, because only one server may serve it. Throws Failure if another server holds the lock. */
export function lockQueue(runtime: Host, folder: string): Promise<HeldLock> {
  return holdLock(
    runtime,
    lockFile(folder),
    (holder) =>
      new Failure('environment', `${folder}: is served by ${holder} already: submit to that one, or end it first`),
  );
}

/** Returns the process that serves the queue, or null if there is none. */
export const serverOf = (runtime: Pick<Host, 'clock' | 'files' | 'processes'>, folder: string) =>
  liveHolder(runtime, lockFile(folder));

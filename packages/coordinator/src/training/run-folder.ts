import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { removeAbandoned, writeFailure } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';

import { journalFile, readJournal } from '../journal/reading.js';
import { runJournal } from './records.js';

/** Returns the path of a checkpoint, relative to the run folder. */
export const checkpointFile = (name: string): string => join('checkpoints', `${name}.safetensors`);

/**
 * Creates the folder of a run's checkpoints and snapshots, if it is not there.
 * @throws {Failure} environment: it cannot be written.
 */
export async function makeCheckpointFolder({ files }: Host, folder: string): Promise<void> {
  try {
    await files.makeFolder(join(folder, 'checkpoints'));
  } catch (error) {
    throw writeFailure(`${folder}:`, error);
  }
}

/** Names that may exist in a run folder before the run starts: a prepared folder, the lock, and what its trainers print. */
const beforeTheRun = ['checkpoints', 'coordinator.lock', 'launch'];
/** Names that a run may have left that was killed before its journal had a record. */
const withoutRecord = ['manifest.json', 'journal.jsonl', 'metrics.jsonl'];

/**
 * Creates the folder of a new run.
 * @throws {Failure} input: it holds another run. environment: it cannot be written.
 */
export async function createRunFolder(host: Host, folder: string): Promise<void> {
  const { files } = host;
  await makeCheckpointFolder(host, folder);
  try {
    await removeAbandoned(host, folder);
    const held = (await files.list(folder)).filter((name) => !beforeTheRun.includes(name));
    const hasBegun = held.some((name) => !withoutRecord.includes(name)) || (await hasRecords(host, folder));
    if (held.length > 0 && hasBegun)
      throw new Failure('input', `${folder}: holds another run already (${held[0]}): choose another --out`);
  } catch (error) {
    throw error instanceof Failure ? error : writeFailure(`${folder}:`, error);
  }
}

/** Whether the folder holds a run whose journal has a record, from which it can be resumed. */
const hasRecords = async (host: Pick<Host, 'files'>, folder: string): Promise<boolean> =>
  (await host.files.status(journalFile(folder))) !== undefined &&
  (await readJournal(host, folder, runJournal)).length > 0;

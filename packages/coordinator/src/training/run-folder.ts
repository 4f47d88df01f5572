import { join } from 'node:path';

import { Failure } from '@prunegrid/core/failure';
import { removeAbandoned, writeFailure } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';

/** Returns the path of a checkpoint, relative to the run folder. */
export const checkpointFile = (name: string): string => join('checkpoints', `${name}.safetensors`);

/** Names that may exist in a run folder before the run starts: a prepared folder and the lock. */
const beforeTheRun = ['checkpoints', 'coordinator.lock'];

/**
 * Creates the folder of a new run.
 * @throws {Failure} input: it holds another run. environment: it cannot be written.
 */
export async function createRunFolder(host: Host, folder: string): Promise<void> {
  const { files } = host;
  try {
    await files.makeFolder(join(folder, 'checkpoints'));
    await removeAbandoned(host, folder);
    const held = (await files.list(folder)).filter((name) => !beforeTheRun.includes(name));
    if (held.length > 0)
      throw new Failure('input', `${folder}: holds another run already (${held[0]}): choose another --out`);
  } catch (error) {
    throw error instanceof Failure ? error : writeFailure(`${folder}:`, error);
  }
}

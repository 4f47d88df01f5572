import { basename, dirname, join } from 'node:path';

import type { Files, Host } from '../runtime/index.js';
import { writeFailure } from './failures.js';
import { removeAbandoned, temporaryName } from './temporary.js';

/**
 * Writes a file atomically and durably: its name stands for the old content or for all of the new one, also after a power cut, and
 * for the new one once the promise is fulfilled. The pieces are written one after the other, each before the next is asked for.
 *
 * A file that a killed process has left half-written in the same folder is removed.
 *
 * @throws {Failure} environment: the disk is full, or the folder is missing or not writable. Nothing is left behind.
 */
export async function writeBytes(host: Host, file: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const { files } = host;
  const folder = dirname(file);
  const temporary = join(folder, temporaryName(host, basename(file)));
  try {
    await writeAndSync(files, temporary, pieces);
    await files.rename(temporary, file);
    await files.syncFolder(folder);
  } catch (error) {
    await files.remove(temporary).catch(() => undefined);
    throw writeFailure(file, error);
  }
  await removeAbandoned(host, folder);
}

/** Writes a text in UTF-8 as `writeBytes` does. */
export const writeText = (host: Host, file: string, text: string): Promise<void> =>
  writeBytes(host, file, [Buffer.from(text)]);

/** Writes a value as indented JSON, as `writeBytes` does. */
export const writeJson = (host: Host, file: string, value: unknown): Promise<void> =>
  writeText(host, file, `${JSON.stringify(value, null, 2)}\n`);

async function writeAndSync(files: Files, file: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const handle = await files.open(file, 'create');
  try {
    let position = 0;
    for (const piece of pieces) {
      await handle.write(piece, position);
      position += piece.length;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

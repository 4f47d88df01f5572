import { basename, dirname, join } from 'node:path';

import type { Files, Host } from '../runtime/index.js';
import { writeFailure } from './failures.js';
import { removeAbandoned, temporaryName } from './temporary.js';

/**
 * Writes a file atomically and durably. At every moment, even after a power failure, the name refers either to the
 * complete old content or to the complete new content; after the promise is fulfilled it refers to the new content.
 * Each piece is written before the next one is requested from `pieces`.
 *
 * Also removes files that a killed process left incomplete in the same folder.
 *
 * @throws {Failure} `environment` if the disk is full, or the folder is missing or not writable; no file is left behind
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

/** Writes a text in UTF-8. Guarantees and errors are those of `writeBytes`. */
export const writeText = (host: Host, file: string, text: string): Promise<void> =>
  writeBytes(host, file, [Buffer.from(text)]);

/** Writes a value as indented JSON. Guarantees and errors are those of `writeBytes`. */
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

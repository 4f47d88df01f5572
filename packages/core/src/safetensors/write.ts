import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../failure.js';
import { encode, type NamedTensor } from './encode.js';

/**
 * Writes a safetensors file atomically and durably: under its name lies the old file or the whole new one, also after a
 * power cut, and once the promise is fulfilled the new one. The tensors must not change until it is settled.
 *
 * @throws {RangeError} what `encode` refuses; nothing is written then.
 * @throws {Failure} environment: the disk is full, the folder is missing or not writable. Nothing is left behind.
 */
export async function writeSafetensors(
  file: string,
  tensors: readonly NamedTensor[],
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const pieces = encode(tensors, metadata);
  const folder = dirname(file);
  const partial = join(folder, `.${randomUUID()}.safetensors.tmp`);
  try {
    await writeDurably(partial, pieces);
    await rename(partial, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new Failure('environment', `${file} cannot be written: ${reasonOf(error)}`, { cause: error });
  }
}

async function writeDurably(file: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for (const piece of pieces) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the renaming durable: it is the folder that holds the name. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  switch (code) {
    case 'ENOSPC':
      return 'no space is left on its disk; free some and run again';
    case 'EDQUOT':
    case 'EFBIG':
      return `the quota or limit on file sizes is reached (${code}); raise it or write elsewhere`;
    case 'ENOENT':
      return 'its folder does not exist';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `its folder is not writable (${code}); write elsewhere`;
    default:
      return code;
  }
}

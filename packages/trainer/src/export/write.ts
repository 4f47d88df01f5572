import { Failure } from '@prunegrid/core/failure';
import { isMissing, writeBytes, writeFailure } from '@prunegrid/core/files';
import type { Host } from '@prunegrid/core/runtime';
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { createGzip } from 'node:zlib';

import type { ExportedFile } from './format.js';

/** A file that an export has written, with its size in bytes, and in bytes after gzip at its default level. */
export interface WrittenFile {
  path: string;
  bytes: number;
  gzipBytes: number;
}

/**
 * Writes the files of an export in their order, all or none of them, and each whole. Those that are there already with the
 * same content stay, so an export that was killed can be repeated.
 * @throws {Failure} `input` if another file is in the place of one of them; `environment` if a file cannot be written.
 *   Nothing is left then of what was written.
 */
export async function writeExport(host: Host, files: readonly ExportedFile[]): Promise<WrittenFile[]> {
  const missing = [];
  for (const file of files) if (!(await isThere(host, file))) missing.push(file);
  const made: string[] = [];
  try {
    for (const { path, pieces } of missing) {
      const folder = dirname(path);
      made.push(...(await missingFolders(host, folder)));
      await host.files.makeFolder(folder).catch((error: unknown) => {
        throw writeFailure(folder, error);
      });
      await writeBytes(host, path, pieces());
      made.push(path);
    }
  } catch (error) {
    for (const path of made.reverse()) await removeOwn(host, path);
    throw error;
  }
  const written: WrittenFile[] = [];
  for (const { path, pieces } of files) written.push({ path, ...(await sizesOf(pieces())) });
  return written;
}

/** Returns the folders that have to be made, the outermost first. */
async function missingFolders({ files }: Host, folder: string): Promise<string[]> {
  const missing: string[] = [];
  let at = folder;
  for (; !(await files.status(at, { followLinks: false })); at = dirname(at)) missing.unshift(at);
  return missing;
}

/** Removes a file, or a folder if nobody has put anything into it. */
async function removeOwn({ files }: Host, path: string): Promise<void> {
  try {
    const inside = await files.list(path).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    if (inside.length === 0) await files.remove(path);
  } catch {
    // What cannot be looked into or removed stays. What the export failed by is told.
  }
}

async function isThere({ files }: Host, { path, pieces }: ExportedFile): Promise<boolean> {
  const [wanted, found] = [createHash('sha256'), createHash('sha256')];
  try {
    // A link that leads nowhere is in the place, too.
    const status = (await files.status(path)) ?? (await files.status(path, { followLinks: false }));
    if (!status) return false;
    if (status.kind !== 'file') throw new Failure('input', `${path} is no file: name a file with --out`);
    for await (const piece of files.readPieces(path)) found.update(piece);
  } catch (error) {
    throw error instanceof Failure ? error : writeFailure(path, error);
  }
  for (const piece of pieces()) wanted.update(piece);
  if (wanted.digest('hex') === found.digest('hex')) return true;
  throw new Failure('input', `${path} is there already, and is another file: name another with --out, or remove it`);
}

async function sizesOf(pieces: Iterable<Uint8Array>): Promise<{ bytes: number; gzipBytes: number }> {
  const gzip = createGzip();
  const sizes = { bytes: 0, gzipBytes: 0 };
  gzip.on('data', (compressed: Uint8Array) => (sizes.gzipBytes += compressed.length));
  for (const piece of pieces) {
    sizes.bytes += piece.length;
    // The piece's memory may be used again after this.
    await new Promise<void>((resolve) => gzip.write(piece, () => resolve()));
  }
  await new Promise<void>((resolve) => gzip.on('end', resolve).end());
  return sizes;
}

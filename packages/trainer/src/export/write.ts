import { Failure } from '@prunegrid/core/failure';
import { writeBytes, writeFailure } from '@prunegrid/core/files';
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
 * Writes the files of an export in their order, each whole or not at all. Those that are there already with the same
 * content stay, so an export that was interrupted can be repeated.
 * @throws {Failure} `input` if another file is in the place of one of them: nothing is written then; `environment` if a
 *   file cannot be written
 */
export async function writeExport(host: Host, files: readonly ExportedFile[]): Promise<WrittenFile[]> {
  const missing = [];
  for (const file of files) if (!(await isThere(host, file))) missing.push(file);
  for (const { path, pieces } of missing) {
    const folder = dirname(path);
    await host.files.makeFolder(folder).catch((error: unknown) => {
      throw writeFailure(folder, error);
    });
    await writeBytes(host, path, pieces());
  }
  const written: WrittenFile[] = [];
  for (const { path, pieces } of files) written.push({ path, ...(await sizesOf(pieces())) });
  return written;
}

async function isThere({ files }: Host, { path, pieces }: ExportedFile): Promise<boolean> {
  const status = await files.status(path);
  if (!status) return false;
  if (status.kind !== 'file') throw new Failure('input', `${path} is no file: name a file with --out`);
  const [wanted, found] = [createHash('sha256'), createHash('sha256')];
  for (const piece of pieces()) wanted.update(piece);
  for await (const piece of files.readPieces(path)) found.update(piece);
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

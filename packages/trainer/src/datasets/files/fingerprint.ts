import type { Files } from '@prunegrid/core/runtime';
import { createHash } from 'node:crypto';

import { missing, unreadable } from './stream.js';

/** A file of a data set, and what it holds of it. */
export interface DataFile {
  /** What the file holds, such as `training.inputs`. Files of the same content and roles are the same data. */
  role: string;
  path: string;
}

/** What a fingerprint was computed from. */
export type Coverage = 'content' | 'sizes and times';

export interface Fingerprint {
  /** In hexadecimal. */
  sha256: string;
  covers: Coverage;
}

/** The size of all files together in bytes up to which their content is hashed. A minute of reading at 300 MB/s. */
const MOST_BYTES = 16 * 2 ** 30;

/**
 * Returns a SHA-256 that identifies the content of files, wherever they lie and whatever they are called. Beyond 16 GiB
 * it is that of their sizes and times of change.
 */
export async function fingerprintOf(
  list: readonly DataFile[],
  files: Files,
  mostBytes = MOST_BYTES,
): Promise<Fingerprint> {
  const statuses = [];
  for (const { role, path } of list) {
    const status = await files.status(path).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (!status) throw missing(path);
    statuses.push({ role, path, size: status.size, modified: status.modified });
  }
  const covers: Coverage =
    statuses.reduce((sum, { size }) => sum + size, 0) <= mostBytes ? 'content' : 'sizes and times';
  const whole = createHash('sha256');
  for (const { role, path, size, modified } of statuses) {
    const of = covers === 'content' ? await contentHashOf(path, files) : `${size} ${Math.floor(modified)}`;
    whole.update(`${role}\n${of}\n`);
  }
  return { sha256: whole.digest('hex'), covers };
}

/** Returns the SHA-256 of a file's content in hexadecimal. Throws Failure `input` if it cannot be read. */
export async function contentHashOf(path: string, files: Files): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const piece of files.readPieces(path)) hash.update(piece);
  } catch (error) {
    throw unreadable(path, error);
  }
  return hash.digest('hex');
}

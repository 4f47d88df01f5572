import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { Failure } from '../failure.js';

/** The part of `fs.statfs` that is used: the number of blocks that are free for this user, and their size in bytes. */
export type Statfs = (folder: string) => Promise<{ readonly bavail: number; readonly bsize: number }>;

/**
 * Checks the free disk space.
 * @throws {Failure} `environment` if the file system of `folder`, which must exist, has fewer than `bytes` bytes free
 */
export async function requireRoom(folder: string, bytes: number, measure: Statfs = statfs): Promise<void> {
  const { bavail, bsize } = await measure(folder);
  if (bavail * bsize < bytes) throw noRoom(folder, bytes, bavail * bsize);
}

/**
 * Returns the Failure for missing disk space.
 * @param free the number of free bytes, if it is known
 */
export function noRoom(folder: string, needed: number, free?: number, cause?: unknown): Failure {
  const found = free === undefined ? 'the disk is full' : `only ${gib(free)} are free`;
  return new Failure(
    'environment',
    `The engine's set-up needs ${gib(needed)} in ${folder}, but ${found}: make room, or name another folder in PRUNEGRID_CACHE.`,
    { cause },
  );
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/**
 * Returns the bytes that this user may still write to the file system of a folder, or of the nearest folder above it that
 * exists; undefined if that cannot be looked at.
 */
export async function freeBytes(folder: string): Promise<number | undefined> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === dirname(path)) return undefined;
    }
  }
}

import { statfs } from 'node:fs/promises';
import { Failure } from '@prunegrid/core/failure';

/** The part of `fs.statfs` that is used: blocks free for this user and their size in bytes. */
export type Statfs = (folder: string) => Promise<{ readonly bavail: number; readonly bsize: number }>;

/** @throws {Failure} `environment` when the file system of `folder`, which exists, has fewer than `bytes` free. */
export async function requireRoom(folder: string, bytes: number, measure: Statfs = statfs): Promise<void> {
  const { bavail, bsize } = await measure(folder);
  if (bavail * bsize < bytes) throw noRoom(folder, bytes, bavail * bsize);
}

/** @param free Bytes, where they are known. */
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

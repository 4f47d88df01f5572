import { basename, join } from 'node:path';

import { meaningOf, type PartName, partNames } from '../files/arrays.js';
import type { DataFile } from '../files/fingerprint.js';
import { unreadable } from '../files/stream.js';
import type { DataHost } from '../host.js';
import { decodingOn } from './decoding/jpeg.js';
import { listClassFolders, partFolders } from './class-folders.js';
import type { PictureList } from './picture.js';
import { type ArchiveKeys, listArchives } from './tar/archives.js';

/** The pictures of each part, and the files that they are in. */
interface PictureParts {
  where: string;
  parts: readonly PartName[];
  files: readonly DataFile[];
  pictures: Partial<Record<PartName, PictureList>>;
}

export const isArchive = (path: string): boolean => path.endsWith('.tar');

/** Lists the pictures of tar archives, whose names tell their parts: `train-00.tar`, `ILSVRC2012_img_val.tar`. */
export async function openArchives(paths: readonly string[], keys: ArchiveKeys, host: DataHost): Promise<PictureParts> {
  const pictures: PictureParts['pictures'] = {};
  for (const part of partNames) {
    const own = paths.filter((path) => meaningOf(basename(path)).part === part);
    if (own.length > 0) pictures[part] = await listArchives(own, keys, host);
  }
  return ofParts(paths[0], pictures, host);
}

/** Lists the pictures of a folder of tar archives or class folders. Returns undefined if it holds neither. */
export async function openPictureFolder(
  folder: string,
  keys: ArchiveKeys,
  host: DataHost,
): Promise<PictureParts | undefined> {
  const names = await host.files.list(folder).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  const archives = names.filter(isArchive).map((name) => join(folder, name));
  if (archives.length > 0) return { ...(await openArchives(archives, keys, host)), where: folder };
  const folders = await partFolders(folder, host);
  if (!folders) return undefined;
  const pictures: PictureParts['pictures'] = {};
  for (const part of partNames) {
    const own = folders[part];
    if (own !== undefined) pictures[part] = await listClassFolders(own, host);
  }
  return ofParts(folder, pictures, host);
}

function ofParts(where: string, pictures: PictureParts['pictures'], { machine }: DataHost): PictureParts {
  const decoding = decodingOn(machine.platform);
  const parts = partNames.filter((part) => pictures[part]);
  const files = parts.flatMap((part) =>
    (pictures[part]?.files ?? []).map(({ role, path }) => ({ role: `${part}: ${role}${decoding}`, path })),
  );
  return { where, parts, files, pictures };
}

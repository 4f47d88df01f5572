import { Failure } from '@prunegrid/core/failure';
import { join, relative, sep } from 'node:path';

import type { DataHost } from '../host.js';
import { type PartName, partOf } from '../files/arrays.js';
import { unreadable } from '../files/stream.js';
import { byCodeUnits, isPicture, type Picture, type PictureList } from './picture.js';

/** What a folder holds. */
interface FolderContent {
  /** The names of pictures. */
  pictures: string[];
  folders: string[];
}

async function contentOf(folder: string, host: DataHost): Promise<FolderContent> {
  const content: FolderContent = { pictures: [], folders: [] };
  try {
    for (const name of (await host.files.list(folder)).sort(byCodeUnits)) {
      // A picture is told by its name, since asking the system about a million files takes minutes.
      if (isPicture(name)) content.pictures.push(name);
      else if (!name.startsWith('.') && (await host.files.status(join(folder, name)))?.kind === 'folder') {
        content.folders.push(name);
      }
    }
  } catch (error) {
    throw unreadable(folder, error);
  }
  return content;
}

/** Returns the pictures in a folder and in folders in it, each by its path. */
async function picturesIn(folder: string, host: DataHost): Promise<string[]> {
  const { pictures, folders } = await contentOf(folder, host);
  const inner = [];
  for (const name of folders) inner.push(...(await picturesIn(join(folder, name), host)));
  return [...pictures.map((name) => join(folder, name)), ...inner];
}

/**
 * Returns the folder of each part, which are its folders if all of them are named `train`, `val`, `test` or alike, or
 * the folder itself. Returns undefined if it holds no folders.
 */
export async function partFolders(
  folder: string,
  host: DataHost,
): Promise<Partial<Record<PartName, string>> | undefined> {
  const { folders } = await contentOf(folder, host);
  if (folders.length === 0) return undefined;
  const parts = folders.map((name) => [partOf(name.toLowerCase()), join(folder, name)] as const);
  // Among other classes, `train` is a vehicle.
  if (parts.some(([part]) => part === undefined)) return { training: folder };
  return Object.fromEntries(parts) as Partial<Record<PartName, string>>;
}

/**
 * Lists the pictures of a folder whose folders are the classes (torchvision's ImageFolder).
 * @throws {Failure} `input`, if a class has none, or the folder has pictures beside its classes
 */
export async function listClassFolders(folder: string, host: DataHost): Promise<PictureList> {
  const { pictures: beside, folders } = await contentOf(folder, host);
  if (beside.length > 0) {
    throw new Failure(
      'input',
      `${join(folder, beside[0])}: lies in no class's folder: put each picture into a folder that is named after its class`,
    );
  }
  const pictures: Picture[] = [];
  for (const label of folders) {
    const found = await picturesIn(join(folder, label), host);
    if (found.length === 0) {
      throw new Failure('input', `${join(folder, label)}: has no .jpg, .jpeg or .png: add some, or remove the folder`);
    }
    for (const path of found) pictures.push({ path, offset: 0, length: undefined, label });
  }
  const files = pictures.map(({ path }) => ({ role: relative(folder, path).split(sep).join('/'), path }));
  return { where: folder, pictures, named: true, files };
}

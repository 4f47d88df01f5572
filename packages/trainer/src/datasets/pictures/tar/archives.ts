import { Failure } from '@prunegrid/core/failure';
import type { FileHandle } from '@prunegrid/core/runtime';
import { basename } from 'node:path';

import type { DataHost } from '../../host.js';
import { missing, unreadable } from '../../files/stream.js';
import { isLabelFile, readLabelFile } from '../label-file.js';
import { byCodeUnits, isPicture, type Picture, type PictureList } from '../picture.js';
import { bytesAt, membersOf, type TarMember } from './members.js';

/** What the choice says of the members of archives. */
export interface ArchiveKeys {
  /** The ending of the pictures of WebDataset shards, if it is not that of a JPEG or PNG file. */
  inputs?: string | undefined;
  /** The ending of the labels of WebDataset shards, `cls` by default, or the path of a file with the labels. */
  labels?: string | undefined;
}

/** An archive while its members are listed. */
interface Archive {
  path: string;
  file: FileHandle;
  members: readonly TarMember[];
  keys: ArchiveKeys;
  host: DataHost;
}

/**
 * Lists the pictures of tar archives, of which only the headers and the labels are read. An archive holds one of these:
 * tar archives that are named after their classes (ImageNet's training archive), pictures with their labels beside them
 * (WebDataset's shards), folders that are the classes, or pictures alone, whose labels are in a file.
 * @throws {Failure} `input`, which names the archive, if it cannot be read or a picture has no label
 */
export async function listArchives(paths: readonly string[], keys: ArchiveKeys, host: DataHost): Promise<PictureList> {
  const lists = [];
  for (const path of paths) lists.push(await listArchive(path, keys, host));
  const [first] = lists;
  const other = lists.findIndex(({ named }) => named !== first.named);
  if (other > 0) {
    throw new Failure(
      'input',
      `${paths[other]}: labels its pictures in another way than ${paths[0]}: give archives of one kind`,
    );
  }
  return {
    where: paths[0],
    pictures: lists.flatMap(({ pictures }) => pictures),
    named: first.named,
    files: lists.flatMap(({ files }) => files),
  };
}

async function listArchive(path: string, keys: ArchiveKeys, host: DataHost): Promise<PictureList> {
  const file = await host.files.open(path, 'read').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const members = [];
    for await (const member of membersOf(file, path)) members.push(member);
    const archive = { path, file, members, keys, host };
    if (members.some(({ name }) => name.endsWith('.tar'))) return await ofClassArchives(archive);
    const label = labelEnding(keys);
    if (label !== undefined && members.some(({ name }) => partsOf(name).ending === label)) {
      return await ofShard(archive, label);
    }
    if (!members.some(({ name }) => isPicture(name))) {
      throw new Failure('input', `${path}: holds no .jpg, .jpeg or .png: name another archive`);
    }
    return members.some(({ name }) => name.includes('/')) ? ofFolders(archive) : await ofPictures(archive);
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
}

const labelEnding = ({ labels = 'cls' }: ArchiveKeys): string | undefined =>
  isLabelFile(labels) ? undefined : labels.toLowerCase();

const pictureOf = (path: string, { name, offset, size }: TarMember, label: string, within?: string): Picture => ({
  ...{ path, offset, length: size, label },
  member: within === undefined ? name : `${within}: ${name}`,
});

const archiveFile = (path: string) => ({ role: 'archive', path });

async function ofClassArchives({ path, file, members }: Archive): Promise<PictureList> {
  const pictures: Picture[] = [];
  for (const { name: archive, offset, size } of members) {
    if (!archive.endsWith('.tar')) continue;
    const label = basename(archive, '.tar');
    for await (const member of membersOf(file, `${path}: ${archive}`, offset, offset + size)) {
      if (isPicture(member.name)) pictures.push(pictureOf(path, member, label, archive));
    }
  }
  return { where: path, pictures, named: true, files: [archiveFile(path)] };
}

/** Members of a shard whose names are equal up to the first point of the last component are one example. */
function partsOf(name: string): { key: string; ending: string } {
  const point = name.indexOf('.', name.lastIndexOf('/') + 1);
  return point < 0
    ? { key: name, ending: '' }
    : { key: name.slice(0, point), ending: name.slice(point + 1).toLowerCase() };
}

async function ofShard({ path, file, members, keys: { inputs } }: Archive, label: string): Promise<PictureList> {
  const examples = new Map<string, { picture?: TarMember; label?: string }>();
  for (const member of members) {
    const { key, ending } = partsOf(member.name);
    const example = examples.get(key) ?? {};
    examples.set(key, example);
    if (ending === label) example.label = (await bytesAt(file, member.offset, member.size)).toString('utf8').trim();
    else if (inputs === undefined ? isPicture(`.${ending}`) : ending === inputs.toLowerCase()) example.picture = member;
  }
  const pictures = [...examples].flatMap(([key, { picture, label: found }]) => {
    if (!picture) return [];
    if (found !== undefined && found !== '') return [pictureOf(path, picture, found)];
    throw new Failure(
      'input',
      `${path}: ${picture.name}: has no label: put ${key}.${label} beside it, or name the labels' ending by dataset.labels`,
    );
  });
  return { where: path, pictures, named: false, files: [archiveFile(path)] };
}

/** Takes the folders as classes that follow after those that all pictures have in common. */
function ofFolders({ path, members }: Archive): PictureList {
  const found = members
    .filter(({ name }) => isPicture(name))
    .map((member) => ({ member, folders: member.name.split('/').slice(0, -1) }));
  let common = 0;
  const [{ folders: first }] = found;
  while (common < first.length && found.every(({ folders }) => folders[common] === first[common])) common++;
  const pictures = found.map(({ member, folders }) => {
    if (folders.length > common) return pictureOf(path, member, folders[common]);
    throw new Failure(
      'input',
      `${path}: ${member.name}: lies in no class's folder: put each picture into a folder that is named after its class`,
    );
  });
  return { where: path, pictures, named: true, files: [archiveFile(path)] };
}

async function ofPictures({ path, members, keys, host }: Archive): Promise<PictureList> {
  const pictures = members.filter(({ name }) => isPicture(name)).sort((a, b) => byCodeUnits(a.name, b.name));
  const names = pictures.map(({ name }) => name);
  const file = await labelFileOf(path, keys, host);
  const labels = await readLabelFile(file, names, host);
  return {
    where: path,
    pictures: pictures.map((member, i) => pictureOf(path, member, labels[i])),
    named: false,
    files: [archiveFile(path), { role: 'labels', path: file }],
  };
}

/**
 * Returns the file with the labels of an archive of pictures alone, by `dataset.labels` or beside the archive: `val.txt`
 * beside `val.tar`.
 */
async function labelFileOf(path: string, { labels }: ArchiveKeys, host: DataHost): Promise<string> {
  if (labels !== undefined && isLabelFile(labels)) {
    if (await host.files.status(labels)) return labels;
    throw missing(labels);
  }
  const beside = path.replace(/\.tar$/, '.txt');
  if (await host.files.status(beside)) return beside;
  throw new Failure(
    'input',
    `${path}: holds pictures without labels: put ${basename(beside)} beside it, a line for each with its name and class, or name it by dataset.labels`,
  );
}

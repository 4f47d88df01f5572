import { Failure } from '@prunegrid/core/failure';
import { dirname } from 'node:path';

import type { DataHost } from '../host.js';
import type { DatasetChoice } from '../choice.js';
import { type ArrayFile, chooseArrays, type PartName, partNames } from './arrays.js';
import { readCsv } from './csv.js';
import type { RawPart } from './examples.js';
import type { DataFile } from './fingerprint.js';
import { arrayName, isArrayFile, openFolder } from './folder.js';
import { openNpz } from './npz.js';
import { missing, unreadable } from './stream.js';
import { isArchive, openArchives, openPictureFolder } from '../pictures/open.js';
import type { PictureList } from '../pictures/picture.js';
import { expandBraces } from '../pictures/shard-names.js';

/** Files whose parts are known, but not read yet. */
interface Opened {
  where: string;
  /** The parts that the files have. What says of no part is the training part. */
  parts: readonly PartName[];
  /** All files that are read. */
  files: readonly DataFile[];
}

export interface OpenedArrays extends Opened {
  read(part: PartName): Promise<RawPart>;
}

export interface OpenedPictures extends Opened {
  /** The pictures of each of the parts. */
  pictures: Partial<Record<PartName, PictureList>>;
}

export type OpenedData = OpenedArrays | OpenedPictures;

/** Where a part comes from: what was opened, and which of its parts. */
export interface PartSource {
  data: OpenedData;
  part: PartName;
}

type Keys = Pick<DatasetChoice, 'inputs' | 'labels'>;

/** A format of files, which their names tell. A further one is added to `formats`. */
interface DataFormat {
  /** What users call it. */
  name: string;
  matches(path: string): boolean;
  open(path: string, keys: Keys, host: DataHost): Promise<OpenedData>;
}

const formats: readonly DataFormat[] = [
  {
    name: '.npz',
    matches: (path) => path.endsWith('.npz'),
    async open(path, keys, host) {
      const opened = ofArrays(await openNpz(path, host), keys);
      return { ...opened, files: [{ role: 'arrays', path }] };
    },
  },
  {
    name: '.npy or IDX',
    matches: isArrayFile,
    async open(path, { labels }, host) {
      const folder = await openFolder(dirname(path), host);
      const inputs = arrayName(path);
      if (!folder.names.includes(inputs)) throw missing(path);
      return ofFolder(folder, { inputs, labels });
    },
  },
  {
    name: '.csv or .tsv',
    matches: (path) => /\.[ct]sv(\.gz)?$/.test(path),
    open: async (path, { labels }, host) => ({
      where: path,
      parts: ['training'],
      files: [{ role: 'table', path }],
      read: () => readCsv(path, host, labels),
    }),
  },
];

/** What the names of modules end in. */
const moduleEnding = /\.m?js$/;

export const isModule = (name: string): boolean => isDatasetPath(name) && moduleEnding.test(name);

/** Whether `dataset.name` is the path of a file or folder rather than a registered name. */
export const isDatasetPath = (name: string): boolean =>
  /^(\.{0,2}\/|\.{1,2}$)/.test(name) ||
  isArchive(name) ||
  moduleEnding.test(name) ||
  formats.some((format) => format.matches(name));

/**
 * Finds out what a file, or a folder of arrays or pictures, holds. Of pictures and arrays little is read.
 * @throws {Failure} `input`, if the path leads to nothing that can be read
 */
export async function openData(path: string, keys: Keys, host: DataHost): Promise<OpenedData> {
  if (isArchive(path)) return openArchives(expandBraces(path), keys, host);
  const status = await host.files.status(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!status) throw missing(path);
  if (status.kind === 'folder') return openAnyFolder(path, keys, host);
  const format = formats.find((each) => each.matches(path));
  if (!format) {
    throw new Failure(
      'input',
      `${path}: is no data set that can be read: give ${formats.map(({ name }) => name).join(', ')}, .tar, a folder of .npy files or of class folders with pictures, or a module (.mjs)`,
    );
  }
  return format.open(path, keys, host);
}

async function openAnyFolder(path: string, keys: Keys, host: DataHost): Promise<OpenedData> {
  const folder = await openFolder(path, host);
  if (folder.names.length > 0) return ofFolder(folder, keys);
  return (await openPictureFolder(path, keys, host)) ?? ofFolder(folder, keys);
}

function ofArrays(
  arrays: ArrayFile,
  keys: Keys,
): Omit<OpenedArrays, 'files'> & { chosen: ReturnType<typeof chooseArrays> } {
  const chosen = chooseArrays(arrays, keys);
  return {
    where: arrays.where,
    chosen,
    parts: partNames.filter((part) => chosen[part]),
    async read(part) {
      const { inputs, labels } = chosen[part] as NonNullable<(typeof chosen)[PartName]>;
      return { inputs: await arrays.read(inputs), labels: await arrays.read(labels) };
    },
  };
}

function ofFolder(folder: Awaited<ReturnType<typeof openFolder>>, keys: Keys): OpenedArrays {
  const opened = ofArrays(folder, keys);
  const files = opened.parts.flatMap((part) =>
    (['inputs', 'labels'] as const).map((role) => ({
      role: `${part}.${role}`,
      path: folder.fileOf(opened.chosen[part]?.[role] as string),
    })),
  );
  return { ...opened, files };
}

/** Opens the file of one part. The names of arrays hold for it if it has them. */
export async function openPart(path: string, keys: Keys, host: DataHost): Promise<OpenedData> {
  try {
    return await openData(path, keys, host);
  } catch (error) {
    if (keys.inputs === undefined && keys.labels === undefined) throw error;
    return openData(path, {}, host).catch(() => {
      throw error;
    });
  }
}

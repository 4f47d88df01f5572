import { basename, join } from 'node:path';

import type { DataHost } from '../host.js';
import type { ArrayFile } from './arrays.js';
import { readIdx } from './idx.js';
import { readNpy } from './npy.js';
import { openStream, unreadable } from './stream.js';

/** The readers of files that hold one array each, by what their names end in. `.gz` may follow. */
const readers = [
  { ending: /\.npy$/, read: readNpy },
  { ending: /(\.idx|[-.]idx\d-u?byte)$/, read: readIdx },
];

const readerOf = (file: string) => readers.find(({ ending }) => ending.test(file.replace(/\.gz$/, '')));

/** Whether the name is that of a file that holds one array. */
export const isArrayFile = (file: string): boolean => readerOf(file) !== undefined;

/** The name of the array in a file: `x_train` of `data/x_train.npy.gz`. */
export const arrayName = (file: string): string => basename(file).replace(/(\.npy|\.idx)?(\.gz)?$/, '');

/** Takes the .npy files and IDX files of a folder as arrays that are named by the files. */
export async function openFolder(
  folder: string,
  host: DataHost,
): Promise<ArrayFile & { fileOf(name: string): string }> {
  const list = await host.files.list(folder).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  const byName = new Map(list.filter(isArrayFile).map((file) => [arrayName(file), join(folder, file)]));
  const fileOf = (name: string) => byName.get(name) as string;
  return {
    where: folder,
    names: [...byName.keys()],
    fileOf,
    read(name) {
      const file = fileOf(name);
      return (readerOf(file) as (typeof readers)[number]).read(openStream(host, file));
    },
  };
}

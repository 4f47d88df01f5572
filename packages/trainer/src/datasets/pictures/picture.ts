import type { DataFile } from '../files/fingerprint.js';

/** A picture that has not been read yet. */
export interface Picture {
  /** The file, which may be an archive that holds the picture among others. */
  path: string;
  /** Where the picture begins in the file, in bytes. */
  offset: number;
  /** Its bytes; undefined if it is the whole file. */
  length: number | undefined;
  /** Its name in the archives that hold it, for messages: `n01440764.tar: n01440764_18.JPEG`. */
  member?: string;
  /** The name or the number of its class. */
  label: string;
}

/** The pictures of one part of a data set, in an order that depends on their names alone. */
export interface PictureList {
  /** The file or folder that they come from, for messages. */
  where: string;
  pictures: Picture[];
  /** Whether labels are names, even if all of them are digits, as those of folders are. */
  named: boolean;
  /** All files that hold pictures or labels. */
  files: DataFile[];
}

/** How messages call a picture. */
export const nameOf = ({ path, member }: Picture): string => (member === undefined ? path : `${path}: ${member}`);

/** Whether a file is a picture by its name. */
export const isPicture = (name: string): boolean => /\.(jpe?g|png)$/i.test(name);

/** Orders text by its code units, which no language setting changes. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

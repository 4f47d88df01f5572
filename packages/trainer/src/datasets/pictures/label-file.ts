import { Failure } from '@prunegrid/core/failure';

import type { DataHost } from '../host.js';
import { unreadable } from '../files/stream.js';

/** The file of ImageNet's development kit, whose numbers are those of its own list of classes. */
const GROUND_TRUTH = 'ILSVRC2012_validation_ground_truth.txt';

/** Whether `dataset.labels` is the path of a file rather than a name. */
export const isLabelFile = (labels: string): boolean => /^\.{0,2}\//.test(labels);

/**
 * Reads the labels of pictures from a text file. A line is `NAME LABEL`, with a blank or a comma between them and
 * whatever behind, as in Caffe's val.txt and Kaggle's LOC_val_solution.csv; the name may lack its ending. Or each line
 * is a label, in the order of the pictures' names.
 * @param names the pictures' names, in order
 * @returns the label of each
 * @throws {Failure} `input`, which names the file and the picture, if a label is missing
 */
export async function readLabelFile(file: string, names: readonly string[], host: DataHost): Promise<string[]> {
  const text = await host.files.read(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const lines = text
    .toString('utf8')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const rows = lines.map((line) => line.split(/[\s,]+/));
  const byName = new Map(rows.filter((row) => row.length > 1).map(([name, label]) => [stem(name), label]));
  if (byName.size > 0) {
    return names.map((name) => {
      const label = byName.get(stem(name));
      if (label !== undefined) return label;
      throw new Failure('input', `${file}: has no line for ${name}: add "${name} CLASS"`);
    });
  }
  if (file.endsWith(GROUND_TRUTH)) {
    throw new Failure(
      'input',
      `${file}: numbers the classes as the development kit's meta.mat does, from 1: give a file with the names of the classes, such as LOC_val_solution.csv or one with "n01751748" and so on in its lines`,
    );
  }
  if (lines.length !== names.length) {
    throw new Failure(
      'input',
      `${file}: has ${lines.length} labels for ${names.length} pictures: give each picture a line, in the order of the names`,
    );
  }
  return lines;
}

/** The name of a picture without folders and ending. */
const stem = (name: string): string => name.replace(/.*\//, '').replace(/\.(jpe?g|png)$/i, '');

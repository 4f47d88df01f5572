import { Failure } from '@prunegrid/core/failure';

import type { DatasetChoice } from '../choice.js';
import type { Dataset, Labels } from '../dataset.js';
import { narrowest } from '../files/examples.js';
import { byCodeUnits, nameOf, type Picture, type PictureList } from './picture.js';

/** The classes of a data set, and the numbers of those of a list's pictures. */
interface Classes extends Pick<Dataset, 'classes' | 'classNames'> {
  numbersOf(list: PictureList): Labels;
}

/**
 * Numbers the classes. If the training part names them, they are numbered in the order of the names, and other parts may
 * give the names or the numbers. Otherwise all labels are numbers from 0, or all are names.
 * @param lists the pictures of each part, those to train on first
 * @throws {Failure} `input`, which names the picture, if a label is no class, or there are fewer than two
 */
export function classesOf(lists: readonly PictureList[], { classes }: Pick<DatasetChoice, 'classes'>): Classes {
  const [training, ...others] = lists;
  const labels = new Set(training.pictures.map(({ label }) => label));
  const isNumber = (label: string) => /^\d+$/.test(label);
  if (!training.named && [...labels].every(isNumber)) {
    const all = lists.flatMap(({ pictures }) => pictures);
    const highest = all.reduce((most, { label }) => (isNumber(label) ? Math.max(most, Number(label)) : most), 0);
    const count = checked(classes ?? highest + 1, training);
    return {
      classes: count,
      numbersOf: numbering(count, (label) => (isNumber(label) ? Number(label) : undefined)),
    };
  }
  const classNames = [...labels].sort(byCodeUnits);
  const numbers = new Map(classNames.map((name, number) => [name, number]));
  const count = checked(classes ?? classNames.length, training);
  if (count < classNames.length) {
    throw new Failure(
      'input',
      `dataset.classes: ${training.where} has ${classNames.length} classes, from ${classNames[0]} to ${classNames.at(-1)}: leave it out`,
    );
  }
  // A part with labels of a file may number the classes of folders.
  const byNumber = new Set(
    others.filter(
      ({ named, pictures }) => !named && pictures.every(({ label }) => isNumber(label) && !numbers.has(label)),
    ),
  );
  return {
    classes: count,
    classNames,
    numbersOf: (list) => numbering(count, (label) => (byNumber.has(list) ? Number(label) : numbers.get(label)))(list),
  };
}

function checked(classes: number, { where }: PictureList): number {
  if (classes >= 2) return classes;
  throw new Failure('input', `${where}: all pictures are of the same class: it needs two classes at least`);
}

const numbering =
  (classes: number, numberOf: (label: string) => number | undefined) =>
  ({ pictures }: PictureList): Labels =>
    narrowest(
      Int32Array.from(pictures, (picture) => {
        const number = numberOf(picture.label);
        if (number !== undefined && number < classes) return number;
        throw noClass(picture, classes);
      }),
      classes,
    );

const noClass = (picture: Picture, classes: number): Failure =>
  new Failure(
    'input',
    `${nameOf(picture)}: has the label "${picture.label}", which is none of the ${classes} classes of the training pictures: correct it, or set dataset.classes`,
  );

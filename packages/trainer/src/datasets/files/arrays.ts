import { Failure } from '@prunegrid/core/failure';
import { suggest } from '@prunegrid/core/text/suggestion';

import type { DatasetChoice } from '../choice.js';
import type { Tensor } from './tensor.js';

/** Arrays by their names: those of an archive, or the files of a folder. */
export interface ArrayFile {
  /** The path. */
  where: string;
  names: readonly string[];
  read(name: string): Promise<Tensor>;
}

export const partNames = ['training', 'validation', 'test'] as const;
export type PartName = (typeof partNames)[number];

/** The names of the two arrays of a part. */
export interface PartArrays {
  inputs: string;
  labels: string;
}

/** Words in the names of arrays that say to which part they belong. */
const partWords: Partial<Record<string, PartName>> = {
  ...{ train: 'training', training: 'training', trn: 'training' },
  ...{ test: 'test', testing: 'test', tst: 'test', t10k: 'test' },
  ...{ val: 'validation', valid: 'validation', validation: 'validation', dev: 'validation' },
};

/** The part that a word means, such as `val`, if it means one. */
export const partOf = (word: string): PartName | undefined => partWords[word];

/** Words in the names of arrays that say what they hold, those that are written most first. */
const roles = {
  inputs: ['x', 'images', 'image', 'inputs', 'input', 'data', 'features'],
  labels: ['y', 'labels', 'label', 'targets', 'target', 'classes'],
};

/** What the name of an array says: `x_train` is `x` of the training part. */
interface NameMeaning {
  name: string;
  part: PartName;
  /** The other words of the name. */
  subject: string;
}

/** Returns what a name says of its part and of what it holds. */
export function meaningOf(name: string): NameMeaning {
  const words = name
    .toLowerCase()
    // The files of MNIST and its like: train-images-idx3-ubyte, train-images.idx3-ubyte.
    .replace(/[-.]idx\d-u?byte$/, '')
    .split(/[^a-z0-9]+/);
  const part = words.map((word) => partWords[word]).find((found) => found !== undefined);
  const subject = words.filter((word) => partWords[word] === undefined).join('_');
  return { name, part: part ?? 'training', subject };
}

/**
 * Finds the inputs and the labels of each part by the names of the arrays, such as `x_train` and `y_train`. `inputs` and
 * `labels` of the choice name the arrays of the training part; those of other parts are named alike. Labels that are
 * not named, of inputs that are, must be named like them: `y_train` belongs to `x_train`.
 * @throws {Failure} `input`, which lists the names, if there are none or several arrays that could be meant
 */
export function chooseArrays(
  { names, where }: Pick<ArrayFile, 'names' | 'where'>,
  { inputs, labels }: Pick<DatasetChoice, 'inputs' | 'labels'>,
): Partial<Record<PartName, PartArrays>> {
  const meanings = names.map(meaningOf);
  const found = inputs === undefined ? byRole(meanings, 'inputs', where) : alike(meanings, 'inputs', inputs, where);
  const answers =
    labels === undefined
      ? byRole(inputs === undefined ? meanings : answering(meanings, inputs), 'labels', where)
      : alike(meanings, 'labels', labels, where);
  const parts: Partial<Record<PartName, PartArrays>> = {};
  for (const part of partNames) {
    const [input, label] = [found[part], answers[part]];
    if (input === undefined) continue;
    if (label === undefined) throw lacking(where, names, 'labels');
    parts[part] = { inputs: input, labels: label };
  }
  if (Object.keys(parts).length === 0) throw lacking(where, names, 'inputs');
  return parts;
}

/** Returns the arrays whose names differ from that of the inputs by the word for labels, and by the part. */
function answering(meanings: readonly NameMeaning[], inputs: string): NameMeaning[] {
  const words = meaningOf(inputs).subject.split('_');
  const at = words.findIndex((word) => roles.inputs.includes(word));
  if (at < 0) return [];
  const subjects = roles.labels.map((word) => words.with(at, word).join('_'));
  return meanings
    .filter(({ subject }) => subjects.includes(subject))
    .map((meaning) => ({ ...meaning, subject: roles.labels[0] }));
}

const lacking = (where: string, names: readonly string[], role: 'inputs' | 'labels'): Failure =>
  new Failure(
    'input',
    `${where}: has ${names.length === 0 ? 'no arrays' : `the arrays ${names.slice(0, 10).join(', ')}`}: say by dataset.${role} which of them holds the ${role}`,
  );

type ByPart = Partial<Record<PartName, string>>;

/** Returns the arrays whose names have one of the role's words. */
function byRole(meanings: readonly NameMeaning[], role: 'inputs' | 'labels', where: string): ByPart {
  const own = meanings.filter(({ subject }) => roles[role].includes(subject));
  const found: ByPart = {};
  for (const { name, part } of own) {
    const other = found[part];
    if (other !== undefined) {
      throw new Failure('input', `${where}: ${other} or ${name}? Say by dataset.${role} which one holds the ${role}`);
    }
    found[part] = name;
  }
  return found;
}

/** Returns the array that is named, and those of other parts whose names differ from it only by the part. */
function alike(meanings: readonly NameMeaning[], role: 'inputs' | 'labels', given: string, where: string): ByPart {
  const meaning = meanings.find(({ name }) => name === given);
  if (!meaning) {
    const names = meanings.map(({ name }) => name);
    throw new Failure('input', `dataset.${role}: ${where} has no array "${given}"; ${suggest(given, names)}`);
  }
  const others = meanings.filter(({ name, subject }) => name !== given && subject === meaning.subject);
  return { ...Object.fromEntries(others.map(({ part, name }) => [part, name])), [meaning.part]: given };
}

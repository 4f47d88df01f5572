import { Failure } from '@prunegrid/core/failure';
import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { grouped } from '@prunegrid/core/text/figures';

import type { DatasetChoice } from './choice.js';
import { type Dataset, type Examples, gather, residentSplit, slice } from './dataset.js';

/** The examples of a data set before any are cut off or left out. */
export interface WholeParts {
  training: Examples;
  /** The data set's own validation part and test part, if it has them. */
  validation?: Examples | undefined;
  test?: Examples | undefined;
}

/** The share that is held out unless the choice says otherwise. */
const SHARE = 0.1;
/** Where a part comes from, if it is not cut off. */
const OWN = 'own part';

/**
 * Makes the three parts of a data set that is in memory. What the data set lacks of validation part and test part is
 * cut off the end of its training part, the test part last of all; `split` shuffles the training part before.
 * `validation` and `test` of the choice are numbers or shares of the training part as it was. `limit` counts what is
 * left of it.
 *
 * @throws {Failure} `input`, if nothing is left to train on, a part is missing, or one is to be cut off that is there
 */
export function cutParts(
  name: string,
  { training: whole, ...own }: WholeParts,
  { validation, test, split, limit = Infinity }: DatasetChoice,
): Pick<Dataset, 'training' | 'validation' | 'test' | 'origin'> {
  const { count } = whole;
  const sizes = {
    validation: sizeOfCut(
      'validation',
      name,
      count,
      own.validation,
      validation ?? (own.validation ? undefined : SHARE),
    ),
    test: sizeOfCut('test', name, count, own.test, test),
  };
  const left = count - sizes.validation - sizes.test;
  if (left <= 0) {
    const [key, size] = sizes.validation >= count ? ['validation', sizes.validation] : ['test', sizes.test];
    const beside = size < count ? ` beside ${grouped(count - left - size)} of another part` : '';
    throw new Failure(
      'input',
      `dataset.${key}: ${size} held out of ${count}${beside} leaves none to train on: lower it, or name a share below 1`,
    );
  }
  const all = split && left < count ? shuffled(whole, split.seed) : whole;
  const originOf = (part: 'validation' | 'test') => {
    if (sizes[part] === 0) return OWN;
    if (split) return `drawn from ${grouped(count)} by seed ${split.seed}`;
    return `last of ${grouped(count - (part === 'validation' ? sizes.test : 0))}`;
  };
  const tested = own.test ?? slice(all, left + sizes.validation, sizes.test);
  return {
    training: residentSplit(slice(all, 0, Math.min(left, limit))),
    validation: residentSplit(own.validation ?? slice(all, left, sizes.validation)),
    test: residentSplit(slice(tested, 0, Math.min(tested.count, limit))),
    origin: { validation: originOf('validation'), test: originOf('test') },
  };
}

/** Returns how many examples are cut off for a part, which are none if the data set has the part. */
function sizeOfCut(
  part: 'validation' | 'test',
  name: string,
  count: number,
  own: Examples | undefined,
  wanted: DatasetChoice['validation'],
): number {
  if (own) {
    if (typeof wanted !== 'number') return 0;
    throw new Failure('input', `dataset.${part}: ${name} has such a part of its own: leave the key out`);
  }
  if (wanted === undefined) {
    throw new Failure(
      'input',
      `dataset.${part}: ${name} has no such part: say how many examples become it, such as ${part}: 0.1, or name a file`,
    );
  }
  if (typeof wanted === 'string') {
    throw new Failure(
      'input',
      `dataset.${part}: ${name} takes no file beside its own: give a number or a share of examples`,
    );
  }
  return wanted < 1 ? Math.max(1, Math.round(wanted * count)) : wanted;
}

/** Returns a copy in an order that follows from the seed alone. */
const shuffled = (all: Examples, seed: number): Examples =>
  gather(all, permutation(new RandomStream(seed, purposes.split), all.count));

/** Returns a random permutation of 0, ..., count - 1 (Fisher-Yates shuffle). */
export function permutation(random: RandomStream, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.nextBelow(i + 1);
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

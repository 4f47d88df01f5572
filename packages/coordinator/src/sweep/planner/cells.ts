import { Failure } from '@prunegrid/core/failure';
import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';

import type { KeyPath, Places } from '../../experiment/places.js';
import type { Plain } from '../../experiment/yaml.js';
import type { Distribution, SweepDescription } from './description.js';

/** A value for a key of the experiment, whose parts are joined by dots; `place` says where the value was written. */
export interface Setting {
  key: string;
  value: Plain;
  place: string;
}

/**
 * One cell of the sweep: the settings of the keys that vary, in the order of the file and without the seed. The cells
 * of a chain are consecutive.
 */
export type Cell = readonly Setting[];

/** Largest number of trials in a sweep. A larger number is taken for an error in the sweep's file. */
const MOST_TRIALS = 10_000;

/**
 * Returns the cells of a sweep: all combinations of the alternatives of grid, zip, list, random and chain. The last key
 * varies fastest.
 * @param places places of the values in the sweep's file
 * @throws Failure `input`, if a key varies twice, zipped lists differ in length, or there are too many trials
 */
export function cellsOf(sweep: SweepDescription, places: Places): Cell[] {
  refuseKeysThatVaryTwice(sweep, places);
  const blocks = [
    ...gridAxes(sweep, places),
    together('zip', sweep, places),
    listed(sweep, places),
    draws(sweep, places),
    together('chain', sweep, places),
  ];
  const axes = blocks.filter((alternatives) => alternatives.length > 0);
  const trials = axes.reduce(
    (product, alternatives) => product * alternatives.length,
    sweep.seeds * (1 + sweep.baseline.length),
  );
  if (trials > MOST_TRIALS) {
    throw new Failure('input', `${places.ofValue([])}: ${trials} trials, more than ${MOST_TRIALS}: cut the axes down`);
  }
  return axes.reduce<Cell[]>(
    (cells, alternatives) => cells.flatMap((cell) => alternatives.map((settings) => [...cell, ...settings])),
    [[]],
  );
}

function gridAxes({ grid }: SweepDescription, places: Places): Cell[][] {
  return Object.entries(grid).map(([key, values]) =>
    values.map((value, i) => [{ key, value, place: places.ofValue(['grid', key, i]) }]),
  );
}

/** Returns the number of points in the sweep's chain, or 1 if the sweep has no chain. */
export const chainLength = ({ chain }: SweepDescription): number => Object.values(chain).at(0)?.length ?? 1;

function together(block: 'zip' | 'chain', { [block]: lists }: SweepDescription, places: Places): Cell[] {
  const axes = Object.entries(lists);
  if (axes.length === 0) return [];
  const [[first, { length }]] = axes;
  const odd = axes.find(([, values]) => values.length !== length);
  if (odd) {
    throw new Failure(
      'input',
      `${places.ofKey([block, odd[0]])}: ${block}.${odd[0]}: ${odd[1].length} values, but ${first} has ${length}: lists of a ${block} must be of one length`,
    );
  }
  return Array.from({ length }, (_, i) =>
    axes.map(([key, values]) => ({ key, value: values[i], place: places.ofValue([block, key, i]) })),
  );
}

function listed({ list }: SweepDescription, places: Places): Cell[] {
  return list.map((settings, i) =>
    Object.entries(settings).map(([key, value]) => ({ key, value, place: places.ofValue(['list', i, key]) })),
  );
}

function draws({ random }: SweepDescription, places: Places): Cell[] {
  if (random === undefined) return [];
  const axes = Object.entries(random.over);
  return Array.from({ length: random.draws }, (_, draw) =>
    axes.map(([key, distribution], axis) => ({
      key,
      value: drawFrom(distribution, new RandomStream(random.seed, purposes.sweep, 0, draw, axis)),
      place: places.ofKey(['random', 'over', key]),
    })),
  );
}

/**
 * Draws a value. One from a range is rounded to six significant digits, so that the printed value is the one that is
 * run.
 */
function drawFrom(distribution: Distribution, stream: RandomStream): Plain {
  if (Array.isArray(distribution)) return distribution[stream.nextBelow(distribution.length)];
  const { from, to, scale } = distribution;
  const share = stream.nextFraction();
  return Number((scale === 'log' ? from * (to / from) ** share : from + share * (to - from)).toPrecision(6));
}

function refuseKeysThatVaryTwice(sweep: SweepDescription, places: Places): void {
  const listKeys = new Map(
    sweep.list.flatMap((settings, i) => Object.keys(settings).map((key) => [key, ['list', i, key]])),
  );
  const varying: [key: string, path: KeyPath][] = [
    ...Object.keys(sweep.grid).map((key): [string, KeyPath] => [key, ['grid', key]]),
    ...Object.keys(sweep.zip).map((key): [string, KeyPath] => [key, ['zip', key]]),
    ...Object.keys(sweep.chain).map((key): [string, KeyPath] => [key, ['chain', key]]),
    ...[...listKeys].map(([key, path]): [string, KeyPath] => [key, path as KeyPath]),
    ...Object.keys(sweep.random?.over ?? {}).map((key): [string, KeyPath] => [key, ['random', 'over', key]]),
    ...(sweep.baseline.length > 0 ? [['method', ['baseline']] satisfies [string, KeyPath]] : []),
  ];
  for (const [i, [key, path]] of varying.entries()) {
    const other = varying.slice(0, i).find(([earlier]) => covers(earlier, key) || covers(key, earlier));
    // Two alternatives of the list may set the same key, because a cell has only one of them.
    if (other && !(other[1][0] === 'list' && path[0] === 'list')) {
      throw new Failure(
        'input',
        `${places.ofKey(path)}: ${key} varies already, ${other[0]} at ${places.ofKey(other[1])}: one would replace the other`,
      );
    }
    if (covers(key, 'seed') && sweep.seeds > 1) {
      throw new Failure(
        'input',
        `${places.ofKey(path)}: ${key} varies, and seeds is ${sweep.seeds}: take one of the two out`,
      );
    }
  }
}

/** Whether `key` is `other` or a parent of it: `admm` covers `admm.rho` and itself. */
export const covers = (key: string, other: string): boolean => other === key || other.startsWith(`${key}.`);

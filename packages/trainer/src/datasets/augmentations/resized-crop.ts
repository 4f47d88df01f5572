import type { RandomStream } from '@prunegrid/core/randomness/philox';
import { z } from 'zod';

import { type Image, kind, type Window, type WindowChoice, windowOf } from './augmentation.js';
import { resize } from './resize.js';
import { extentsOf, sizeSchema } from './size.js';

const range = z
  .tuple([z.number().positive(), z.number().positive()], { error: 'must be a list of two numbers' })
  .refine(([from, to]) => from <= to, { error: 'must begin with the smaller number' });

/** How often a window is drawn until one fits into the image, as in torchvision. */
const TRIES = 10;

/**
 * Takes a window whose share of the image's area is drawn from `scale` and whose width over height is drawn from
 * `ratio`, and resizes it to `size` (torchvision's RandomResizedCrop; Szegedy et al. 2015). Of images that are
 * evaluated, the largest window of the size's proportions at the centre is resized, or the share `cropPct` of its height
 * and width: 0.875 is what torchvision cuts out by resizing the shorter side to 256 pixels and cropping 224.
 */
export const resizedCrop = kind({
  options: z.strictObject({
    size: sizeSchema,
    scale: range.refine(([, to]) => to <= 1, { error: 'must be shares of at most 1' }).default([0.08, 1]),
    ratio: range.default([3 / 4, 4 / 3]),
    cropPct: z.number().positive().max(1, 'must be a share of at most 1').optional(),
  }),
  create({ size, scale, ratio, cropPct }) {
    const [height, width] = extentsOf(size);
    const window: WindowChoice = {
      train: (rows, columns, random) => drawnWindow(rows, columns, random, scale, ratio),
      evaluate: (rows, columns) => centreWindow(rows, columns, width / height, width / height, cropPct),
    };
    const cut = (image: Image, { top, left, ...extents }: Window) =>
      resize(windowOf(image, top, left, extents.height, extents.width), height, width);
    return {
      window,
      shapeOf: ([, , channels]) => [height, width, channels],
      train: (image, random) => cut(image, window.train(image.height, image.width, random)),
      evaluate: (image) => cut(image, window.evaluate(image.height, image.width)),
    };
  },
});

function drawnWindow(
  rows: number,
  columns: number,
  random: RandomStream,
  scale: readonly number[],
  ratio: readonly number[],
): Window {
  const between = ([from, to]: readonly number[]) => from + (to - from) * random.nextFraction();
  const logarithms = ratio.map((value) => Math.log(value));
  for (let i = 0; i < TRIES; i++) {
    const area = rows * columns * between(scale);
    const proportion = Math.exp(between(logarithms));
    const width = Math.round(Math.sqrt(area * proportion));
    const height = Math.round(Math.sqrt(area / proportion));
    if (width < 1 || height < 1 || width > columns || height > rows) continue;
    const top = random.nextBelow(rows - height + 1);
    const left = random.nextBelow(columns - width + 1);
    return { top, left, height, width };
  }
  return centreWindow(rows, columns, ratio[0], ratio[1]);
}

/**
 * Returns the largest window at the centre whose width over height lies between the two numbers.
 * @param share the share of that window's height and width that is taken, again from the centre
 */
export function centreWindow(rows: number, columns: number, least: number, most: number, share = 1): Window {
  const proportion = Math.min(Math.max(columns / rows, least), most);
  const width = Math.max(1, Math.min(columns, Math.round(rows * proportion * share), Math.round(columns * share)));
  const height = Math.max(1, Math.min(rows, Math.round((columns / proportion) * share), Math.round(rows * share)));
  const [top, left] = [(rows - height) / 2, (columns - width) / 2].map(Math.floor);
  return { top, left, height, width };
}

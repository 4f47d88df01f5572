import type { RandomStream } from '@prunegrid/core/randomness/philox';
import { z } from 'zod';

import { type Image, kind, windowOf } from './augmentation.js';
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
 * evaluated, the largest window of the size's proportions at the centre is resized.
 */
export const resizedCrop = kind({
  options: z.strictObject({
    size: sizeSchema,
    scale: range.refine(([, to]) => to <= 1, { error: 'must be shares of at most 1' }).default([0.08, 1]),
    ratio: range.default([3 / 4, 4 / 3]),
  }),
  create({ size, scale, ratio }) {
    const [height, width] = extentsOf(size);
    return {
      shapeOf: ([, , channels]) => [height, width, channels],
      train: (image, random) => resize(draw(image, random, scale, ratio), height, width),
      evaluate: (image) => resize(centre(image, width / height, width / height), height, width),
    };
  },
});

function draw(image: Image, random: RandomStream, scale: readonly number[], ratio: readonly number[]): Image {
  const between = ([from, to]: readonly number[]) => from + (to - from) * random.nextFraction();
  const logarithms = ratio.map((value) => Math.log(value));
  for (let i = 0; i < TRIES; i++) {
    const area = image.height * image.width * between(scale);
    const proportion = Math.exp(between(logarithms));
    const width = Math.round(Math.sqrt(area * proportion));
    const height = Math.round(Math.sqrt(area / proportion));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const top = random.nextBelow(image.height - height + 1);
    const left = random.nextBelow(image.width - width + 1);
    return windowOf(image, top, left, height, width);
  }
  return centre(image, ratio[0], ratio[1]);
}

/** Returns the largest window at the centre whose width over height lies between the two numbers. */
function centre(image: Image, least: number, most: number): Image {
  const proportion = Math.min(Math.max(image.width / image.height, least), most);
  const width = Math.max(1, Math.min(image.width, Math.round(image.height * proportion)));
  const height = Math.max(1, Math.min(image.height, Math.round(image.width / proportion)));
  const [top, left] = [(image.height - height) / 2, (image.width - width) / 2].map(Math.floor);
  return windowOf(image, top, left, height, width);
}

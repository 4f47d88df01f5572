import { Failure } from '@prunegrid/core/failure';
import { z } from 'zod';

import { type Image, kind } from './augmentation.js';

const strength = z.number().min(0).default(0);

/** The shares of red, green and blue in grey, of ITU-R BT.601. */
const GREY = [0.2989, 0.587, 0.114];

/**
 * Changes brightness, contrast and saturation, each by a factor from 1 - strength (at least 0) to 1 + strength, in a
 * random order (torchvision's ColorJitter). Values are taken to lie between 0 and 1, and stay there.
 */
export const colorJitter = kind({
  options: z
    .strictObject({ brightness: strength, contrast: strength, saturation: strength })
    .refine((strengths) => Object.values(strengths).some((value) => value > 0), {
      error: 'must have brightness, contrast or saturation above 0',
    }),
  create: (strengths) => ({
    shapeOf(shape) {
      const channels = shape[2];
      if (channels === 1 || channels === 3) return shape;
      throw new Failure('input', `dataset.augment: colorJitter: needs images of 1 or 3 channels, not of ${channels}`);
    },
    train(image, random) {
      const left = (['brightness', 'contrast', 'saturation'] as const).filter((change) => strengths[change] > 0);
      let changed = image;
      while (left.length > 0) {
        const [change] = left.splice(random.nextBelow(left.length), 1);
        const least = Math.max(0, 1 - strengths[change]);
        const factor = least + (1 + strengths[change] - least) * random.nextFraction();
        changed = changes[change](changed, factor);
      }
      return changed;
    },
  }),
});

const changes: Record<'brightness' | 'contrast' | 'saturation', (image: Image, factor: number) => Image> = {
  brightness: (image, factor) => blended(image, factor, () => 0),
  contrast(image, factor) {
    const pixels = image.height * image.width;
    let sum = 0;
    for (let pixel = 0; pixel < pixels; pixel++) sum += greyOf(image, pixel);
    return blended(image, factor, () => sum / pixels);
  },
  saturation: (image, factor) => blended(image, factor, (pixel) => greyOf(image, pixel)),
};

/** Returns factor * image + (1 - factor) * other, where `other` gives one value for each pixel. */
function blended(image: Image, factor: number, other: (pixel: number) => number): Image {
  const { channels, values } = image;
  const result = new Float32Array(values.length);
  for (let pixel = 0, i = 0; i < values.length; pixel++) {
    const added = (1 - factor) * other(pixel);
    for (let channel = 0; channel < channels; channel++, i++) {
      result[i] = Math.min(1, Math.max(0, factor * values[i] + added));
    }
  }
  return { ...image, values: result };
}

const greyOf = ({ channels, values }: Image, pixel: number): number =>
  channels === 1
    ? values[pixel]
    : GREY[0] * values[3 * pixel] + GREY[1] * values[3 * pixel + 1] + GREY[2] * values[3 * pixel + 2];

import { Failure } from '@prunegrid/core/failure';
import { purposes, RandomStream } from '@prunegrid/core/randomness/philox';
import { z } from 'zod';

import type { Augmentation, AugmentationKind, Image } from './augmentation.js';
import { colorJitter } from './color-jitter.js';
import { crop } from './crop.js';
import { flip } from './flip.js';
import { resizedCrop } from './resized-crop.js';
import { shift } from './shift.js';

export type { Augmentation, Image, Window } from './augmentation.js';

/** All augmentations that an entry of `dataset.augment` can name. */
export const augmentationKinds = { shift, flip, crop, resizedCrop, colorJitter };

/** An entry of `dataset.augment`: the name of one augmentation with its options. */
export const augmentationSchema = z
  .strictObject({
    shift: shift.options.optional(),
    flip: flip.options.optional(),
    crop: crop.options.optional(),
    resizedCrop: resizedCrop.options.optional(),
    colorJitter: colorJitter.options.optional(),
  })
  .refine((entry) => Object.values(entry).filter((options) => options !== undefined).length === 1, {
    error: `must have exactly one of the keys ${Object.keys(augmentationKinds).join(', ')}`,
    // A misspelt key is a problem of its own.
    when: ({ issues }) => issues.length === 0,
  });

export type AugmentationEntry = z.infer<typeof augmentationSchema>;

/**
 * Makes the augmentations of a list.
 * @param shape the shape of the examples
 * @throws {Failure} `input` if the examples are no images, or an augmentation does not fit them
 */
export function augmentationsOf(entries: readonly AugmentationEntry[], shape: readonly number[]): Augmentation[] {
  if (entries.length > 0 && shape.length !== 3) {
    throw new Failure(
      'input',
      `dataset.augment: examples of shape [${shape.join(', ')}] are no images of [height, width, channels]: give their shape by dataset.shape, or leave augment out`,
    );
  }
  const augmentations = entries.map((entry) => {
    const [name, options] = Object.entries(entry).find(([, given]) => given !== undefined) as [
      keyof typeof augmentationKinds,
      unknown,
    ];
    return (augmentationKinds[name] as AugmentationKind).create(options);
  });
  // This also checks that each of them fits.
  augmentations.reduce((current, augmentation) => augmentation.shapeOf(current), shape);
  return augmentations;
}

/**
 * The distance between the purposes that distinguish the random streams of a list's augmentations, from the second one
 * on.
 */
const STREAMS = 256;

/** Where an example stands in training: its random numbers are functions of this. */
export interface ExamplePosition {
  seed: number;
  phase: number;
  step: number;
  /** The position of the example within the global batch. */
  sample: number;
}

/** Returns the random numbers of the augmentation at position `i` of a list. */
export const randomOf = (i: number, { seed, phase, step, sample }: ExamplePosition): RandomStream =>
  new RandomStream(seed, purposes.augment + STREAMS * i, phase, step, sample);

/** Applies the augmentations to a training image, each with random numbers of its own. */
export const augment = (augmentations: readonly Augmentation[], image: Image, position: ExamplePosition): Image =>
  augmentations.reduce((changed, augmentation, i) => augmentation.train(changed, randomOf(i, position)), image);

/** Brings an image that is evaluated to the size of training images. */
export const withoutChance = (augmentations: readonly Augmentation[], image: Image): Image =>
  augmentations.reduce((changed, augmentation) => augmentation.evaluate?.(changed) ?? changed, image);

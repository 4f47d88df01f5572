import type { RandomStream } from '@prunegrid/core/randomness/philox';
import type { z } from 'zod';

/** An image whose values have been divided by the data set's divisor, [height, width, channels]. */
export interface Image {
  height: number;
  width: number;
  channels: number;
  values: Float32Array;
}

/** A part of an image, in pixels. */
export interface Window {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** Chooses windows of images of any size, with and without chance. */
export interface WindowChoice {
  train(height: number, width: number, random: RandomStream): Window;
  evaluate(height: number, width: number): Window;
}

/** A change of training images. It returns the same image for the same random numbers, and keeps its argument. */
export interface Augmentation {
  /** Draws a change and applies it. */
  train(image: Image, random: RandomStream): Image;
  /** What is done, without chance, to images that are evaluated. If it is undefined, they stay as they are. */
  evaluate?(image: Image): Image;
  /** Whether each value of the changed image is one of the image's values, so that it does not matter what they mean. */
  readonly moves?: boolean;
  /**
   * It is defined if the change cuts a window out of the image and resizes it to the shape that `shapeOf` returns. What
   * decodes pictures then reads the window only, and needs neither `train` nor `evaluate`.
   */
  readonly window?: WindowChoice;
  /** Returns the shape of the changed images. Throws Failure if images of this shape cannot be changed. */
  shapeOf(shape: readonly number[]): readonly number[];
}

/** A kind of augmentation, which a spec names by a key with its options. */
export interface AugmentationKind<Schema extends z.ZodType = z.ZodType> {
  options: Schema;
  create(options: z.infer<Schema>): Augmentation;
}

/** Returns the kind with the types of its options checked against its schema. */
export const kind = <Schema extends z.ZodType>(of: AugmentationKind<Schema>): AugmentationKind<Schema> => of;

export const emptyImage = (height: number, width: number, channels: number): Image => ({
  ...{ height, width, channels },
  values: new Float32Array(height * width * channels),
});

/** Copies the window of `image` whose upper left corner is (top, left). What lies outside of the image is zero. */
export function windowOf(image: Image, top: number, left: number, height: number, width: number): Image {
  const { channels } = image;
  const result = emptyImage(height, width, channels);
  const [from, to] = [Math.max(0, left), Math.min(image.width, left + width)];
  for (let y = Math.max(0, -top); y < Math.min(height, image.height - top); y++) {
    if (from >= to) break;
    const source = ((y + top) * image.width + from) * channels;
    result.values.set(
      image.values.subarray(source, source + (to - from) * channels),
      (y * width + from - left) * channels,
    );
  }
  return result;
}

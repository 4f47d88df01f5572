import { emptyImage, type Image } from './augmentation.js';

/** The pixels of a line that make a pixel of the resized line: the first one, and the weight of each. */
interface Taps {
  first: number;
  weights: Float64Array;
}

/**
 * Resizes by a triangle filter that widens when an image shrinks, against aliasing, as Pillow's BILINEAR does. Pixels'
 * centres lie at halves.
 */
export function resize(image: Image, height: number, width: number): Image {
  return alongRows(alongColumns(image, width), height);
}

function alongColumns({ height, width: from, channels, values }: Image, width: number): Image {
  const result = emptyImage(height, width, channels);
  const taps = tapsOf(from, width);
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of taps.entries()) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) {
          sum += weights[i] * values[(y * from + first + i) * channels + channel];
        }
        result.values[(y * width + x) * channels + channel] = sum;
      }
    }
  }
  return result;
}

function alongRows({ height: from, width, channels, values }: Image, height: number): Image {
  const result = emptyImage(height, width, channels);
  const line = width * channels;
  for (const [y, { first, weights }] of tapsOf(from, height).entries()) {
    for (let x = 0; x < line; x++) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * values[(first + i) * line + x];
      result.values[y * line + x] = sum;
    }
  }
  return result;
}

function tapsOf(from: number, to: number): Taps[] {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_unused, k) =>
      Math.max(0, 1 - Math.abs((first + k + 0.5 - centre) / reach)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

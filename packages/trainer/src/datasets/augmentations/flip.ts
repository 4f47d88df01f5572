import { z } from 'zod';

import { emptyImage, kind } from './augmentation.js';

/** Mirrors every other image on average, as torchvision's RandomHorizontalFlip and RandomVerticalFlip do. */
export const flip = kind({
  options: z.enum(['horizontal', 'vertical']),
  create: (direction) => ({
    moves: true,
    shapeOf: (shape) => shape,
    train(image, random) {
      if (random.nextBelow(2) === 0) return image;
      const { height, width, channels, values } = image;
      const result = emptyImage(height, width, channels);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const source =
            direction === 'horizontal'
              ? (y * width + width - 1 - x) * channels
              : ((height - 1 - y) * width + x) * channels;
          const target = (y * width + x) * channels;
          for (let channel = 0; channel < channels; channel++)
            result.values[target + channel] = values[source + channel];
        }
      }
      return result;
    },
  }),
});

import { z } from 'zod';

import { kind, windowOf } from './augmentation.js';

/** Translates by a random whole number of pixels, at most `shift` in each direction. Zeros come in. */
export const shift = kind({
  options: z.number().int().min(1),
  create: (pixels) => ({
    shapeOf: (shape) => shape,
    train(image, random) {
      const down = random.nextBelow(2 * pixels + 1) - pixels;
      const right = random.nextBelow(2 * pixels + 1) - pixels;
      return windowOf(image, -down, -right, image.height, image.width);
    },
  }),
});

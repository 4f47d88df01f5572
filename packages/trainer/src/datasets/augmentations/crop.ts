import { Failure } from '@prunegrid/core/failure';
import { z } from 'zod';

import { kind, windowOf } from './augmentation.js';
import { extentsOf, sizeSchema } from './size.js';

/**
 * Takes a window of `size` at a random place of the image, around which `padding` pixels of zeros are put (torchvision's
 * RandomCrop). Images that are evaluated are cropped at their centre.
 */
export const crop = kind({
  options: z.strictObject({ size: sizeSchema, padding: z.number().int().min(0).default(0) }),
  create({ size, padding }) {
    const [height, width] = extentsOf(size);
    return {
      moves: padding === 0,
      shapeOf([rows, columns, channels]) {
        if (height > rows + 2 * padding || width > columns + 2 * padding) {
          throw new Failure(
            'input',
            `dataset.augment: crop: ${height}x${width} pixels do not fit into an image of ${rows}x${columns} with a padding of ${padding}`,
          );
        }
        return [height, width, channels];
      },
      train(image, random) {
        const top = random.nextBelow(image.height + 2 * padding - height + 1) - padding;
        const left = random.nextBelow(image.width + 2 * padding - width + 1) - padding;
        return windowOf(image, top, left, height, width);
      },
      evaluate(image) {
        const [top, left] = [(image.height - height) / 2, (image.width - width) / 2].map(Math.round);
        return windowOf(image, top, left, height, width);
      },
    };
  },
});

import { z } from 'zod';

const extent = z.number().int().positive();

/** The size of square images, or [height, width]. */
export const sizeSchema = z.union([extent, z.tuple([extent, extent])], {
  error: 'must be a number of pixels, or [height, width]',
});

export const extentsOf = (size: z.infer<typeof sizeSchema>): [height: number, width: number] =>
  typeof size === 'number' ? [size, size] : size;

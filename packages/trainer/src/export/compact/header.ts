import type { Format } from '@prunegrid/core/formats';
import { z } from 'zod';

import { precisions } from './values.js';

/** The first bytes of a compact file. */
export const magic: Uint8Array = Buffer.from('pgcompct');

/** Bytes in front of the header: the magic and the header's length, a little-endian u32. */
export const START = magic.length + 4;

/** Bytes of the SHA-256 at the end, which is that of all bytes before it. */
export const HASH_BYTES = 32;

const size = z.int().min(0);

const headerSchema = z.strictObject({
  /** The network, as in the metadata of a model file. */
  model: z.string(),
  /** The tensors in the order of their data. */
  tensors: z.array(
    z.strictObject({
      name: z.string(),
      shape: z.array(size),
      values: z.enum(precisions),
      /** What int8 values are multiplied by. */
      scale: z.number().min(0).exactOptional(),
      /** The number of values; without indices, as many as there are elements. */
      stored: size,
      /** The bits of an index. Absent if all elements are stored. */
      indexBits: z.int().min(1).max(16).exactOptional(),
    }),
  ),
});

export type CompactHeader = z.infer<typeof headerSchema>;
export type CompactTensor = CompactHeader['tensors'][number];

export const compactFormat: Format<typeof headerSchema> = {
  name: 'prunegrid.compact',
  version: 1,
  schema: headerSchema,
};

import { z } from 'zod';

import type { Dataset } from './dataset.js';

const count = z.int().min(0);

/** What is written down of a data set beside its name and its hash. */
export const datasetDescriptionSchema = z.strictObject({
  /** The shape of one stored example. */
  shape: z.array(count),
  classes: count,
  /** Present if `classes` is the number of an example's target values instead. */
  hasTargets: z.literal(true).exactOptional(),
  classNames: z.array(z.string()).exactOptional(),
  /**
   * What the network gets of a stored value: `(value / divide - mean) / std`, with one mean and deviation, or one for
   * each position of the last axis. Earlier releases did not write it.
   */
  values: z
    .strictObject({
      type: z.enum(['uint8', 'int32', 'float32']),
      divide: z.number().exactOptional(),
      mean: z.array(z.number()).exactOptional(),
      std: z.array(z.number()).exactOptional(),
    })
    .exactOptional(),
  /** What the hash was computed from, if the data are files: their content, or their sizes and times of change. */
  covers: z.enum(['content', 'sizes and times']).exactOptional(),
  /** What decodes the pictures, with its version, on which their values depend. */
  decoder: z.string().exactOptional(),
  /** Where the validation part and the test part come from, for the user. */
  origin: z.strictObject({ validation: z.string(), test: z.string() }).exactOptional(),
});
export type DatasetDescription = z.infer<typeof datasetDescriptionSchema>;

export const describeDataset = ({
  shape,
  classes,
  classNames,
  elementType,
  divisor,
  standardization,
  hasTargets,
  files,
  decoder,
  origin,
}: Dataset): DatasetDescription => ({
  shape: [...shape],
  classes,
  ...(hasTargets && { hasTargets }),
  ...(classNames && { classNames: [...classNames] }),
  values: {
    type: elementType,
    ...(divisor !== undefined && { divide: divisor }),
    ...(standardization && { mean: [...standardization.mean], std: [...standardization.std] }),
  },
  ...(files && { covers: files.covers }),
  ...(decoder !== undefined && { decoder }),
  ...(origin && { origin }),
});

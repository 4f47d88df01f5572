import { z } from 'zod';

import { augmentationSchema } from './augmentations/index.js';

const count = z.number().int().positive();

/** A part of the examples: their number, a share of them, or the path of a file of their own. */
const part = z.union([
  z
    .number()
    .positive()
    .refine((value) => value < 1 || Number.isInteger(value), {
      error: 'must be a whole number of examples, or a share below 1',
    }),
  z.string(),
]);

const perChannel = <Value extends z.ZodNumber>(value: Value) =>
  z
    .union([value, z.array(value).min(1)], { error: 'must be a number or a list of numbers' })
    .transform((values) => (typeof values === 'number' ? [values] : values));

/** The keys of a data set that decide what is loaded. The coordinator sends them to the trainers as JSON. */
export const datasetChoiceSchema = z.strictObject({
  /** A registered name, or the path of a file or folder. */
  name: z.string(),
  /** What holds the inputs: the name of an array of the file or folder. */
  inputs: z.string().optional(),
  /** What holds the labels: the name of an array, or of a column of a CSV file. */
  labels: z.string().optional(),
  /** The shape of one example, if it is not that in the file: [height, width, channels] of an image. */
  shape: z.array(count).min(1).optional(),
  /** `first`: the file's images are [channels, height, width]. */
  channels: z.enum(['first', 'last']).optional(),
  /** `values`: labels are numbers that the network's outputs are compared with, instead of classes. */
  targets: z.literal('values').optional(),
  /** The number of classes, if it is not the highest label plus one. */
  classes: z.number().int().min(2).optional(),
  /** Examples that are held out of the training part for selection and early stopping, or their file. */
  validation: part.optional(),
  /** Examples of the training part that become the test part if the file has none, or its file. */
  test: part.optional(),
  /** The examples are shuffled by this seed before parts are cut off. Without it, the last ones are cut off. */
  split: z.strictObject({ seed: z.number().int().min(0).max(0xffffffff) }).optional(),
  /** The model's input is `(value / divide - mean) / std`, in float32. */
  normalize: z
    .strictObject({
      divide: z.number().positive().optional(),
      mean: perChannel(z.number()).optional(),
      std: perChannel(z.number().positive()).optional(),
    })
    .optional(),
  /** Random changes of the training images, in this order. */
  augment: z.array(augmentationSchema).optional(),
  /** The share of a data set's pictures that may be damaged and are skipped, 0.01 by default. More of them end the run. */
  maxCorrupt: z.number().min(0).max(1).optional(),
  /** If set, only this many examples at the start of the training part and of the test part are used. */
  limit: count.optional(),
  /** What `fingerprint` says of the files. Trainers refuse other data. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 of 64 hexadecimal digits')
    .optional(),
});

/** The data set that a spec chooses. */
export type DatasetChoice = z.infer<typeof datasetChoiceSchema>;

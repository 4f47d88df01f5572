import { constraints } from '@prunegrid/numerics/constraints';
import { z } from 'zod';

import { registered } from './registered.js';

/** A layer's constraint as plain data: the name of a registered constraint and its parameters. */
export const constraint = z
  .object({ kind: registered(constraints) })
  .catchall(z.union([z.number(), z.string()], { error: 'must be a number or text' }));

const KEPT = 'must be a whole number of weights, or a share such as 5 %';

/** A number of weights, or a share of a layer's weights in per cent, which is stored as `5 %`. */
export const kept = z.union(
  [
    z.number().int(KEPT).min(0),
    z
      .string()
      .regex(/^\s*\d+(\.\d+)?\s*%\s*$/, KEPT)
      .transform((text) => `${Number.parseFloat(text)} %`)
      .refine((text) => Number.parseFloat(text) <= 100, 'must be at most 100 %'),
  ],
  { error: KEPT },
);

/** The path of a file, which `withFiles` completes by the SHA-256 of its content. */
export const measured = z.union(
  [
    z.string().transform((file): { file: string; sha256?: string | undefined } => ({ file })),
    z.strictObject({ file: z.string(), sha256: z.string().optional() }),
  ],
  { error: 'must be the path of a sensitivity.json' },
);

/** Names of layers and patterns: one, or a list of them. */
export const layerNames = z
  .union([z.string(), z.array(z.string()).min(1)], { error: "must be a layer's name, a pattern, or a list of them" })
  .transform((names) => [names].flat());

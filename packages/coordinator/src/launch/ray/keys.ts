import { z } from 'zod';

import { commonKeys } from '../launcher.js';

/** A value that stays on its line of a command. */
const line = z.string().regex(/^[^\r\n]+$/, 'must be one line of text');

/** The keys of `launch` for Ray. */
export const rayKeys = z.strictObject({
  ...commonKeys,
  /** Address of the cluster's dashboard, which takes jobs. */
  address: z
    .url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:8265' })
    .default('http://127.0.0.1:8265'),
  /** File of mode 0600 with the token of a cluster that asks for one. */
  tokenFile: line.optional(),
  /** GPUs of each trainer. */
  gpus: z.number().min(0).default(0),
  /** Processors of each trainer; by default as many as its engine has threads. */
  cpus: z.number().positive().optional(),
  /** Other resources of each trainer, by the names that the cluster gives them. */
  resources: z.record(z.string(), z.number().positive()).default({}),
  /** Lines of shell that run before each trainer. */
  setup: z.array(line).default([]),
});

export type RayKeys = z.infer<typeof rayKeys>;

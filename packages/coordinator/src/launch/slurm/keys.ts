import { z } from 'zod';

import { commonKeys } from '../launcher.js';

/** A value that stays on its line of a script. */
const line = z.string().regex(/^[^\r\n]+$/, 'must be one line of text');
const count = z.int().positive();

/** What both a trainer and a coordinator may ask of Slurm; absent keys are Slurm's defaults. */
const place = {
  partition: line.optional(),
  account: line.optional(),
  qos: line.optional(),
  constraint: line.optional(),
  /** Time limit of a job, as sbatch takes it. A sweep that takes longer goes on in further jobs. */
  time: line.optional(),
  memory: line.optional(),
  /** Further options of sbatch, such as `--exclusive`. */
  flags: z.array(line.regex(/^--?[A-Za-z]/, 'must begin with -, as an option of sbatch')).default([]),
};

/** The keys of `launch` for Slurm. */
export const slurmKeys = z.strictObject({
  ...commonKeys,
  ...place,
  /** GPUs and other resources of each trainer, such as `gpu:1`. */
  gres: line.optional(),
  /** Processors of each trainer; by default as many as its engine has threads. */
  cpus: count.optional(),
  /** Seconds before the time limit at which a trainer is told to leave, and a coordinator to save. */
  leaveBefore: count.default(120),
  /** Lines of shell that run before each trainer and the coordinator, such as `module load nodejs`. */
  setup: z.array(line).default([]),
  /** What differs for the job of the coordinator, which `prunegrid sweep submit` starts. */
  coordinator: z.strictObject({ ...place, cpus: count.default(1) }).prefault({}),
});

export type SlurmKeys = z.infer<typeof slurmKeys>;

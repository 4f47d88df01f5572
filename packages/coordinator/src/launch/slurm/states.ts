import { z } from 'zod';

import { EngineSilent } from '../polling.js';

/** A number as Slurm writes it: before 23.11 plain, since then with a flag that says whether it is set. */
const number = z
  .union([z.number(), z.null(), z.object({ set: z.boolean(), number: z.number() }).loose()])
  .transform((value) => (typeof value === 'object' ? (value?.set ? value.number : undefined) : value));

/** A job's state: one word, or since 23.11 a list of the state and its flags. */
const state = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());

/** An exit status: before 23.11 as of wait(2), since then in parts. */
const exitStatus = z
  .union([
    z.number().transform((status) => ({ code: (status >> 8) & 0xff, signal: status & 0x7f })),
    z
      .object({
        return_code: number,
        signal: z.object({ id: number.optional(), signal_id: number.optional() }).loose().optional(),
      })
      .loose()
      .transform(({ return_code, signal }) => ({
        code: return_code ?? 0,
        signal: signal?.id ?? signal?.signal_id ?? 0,
      })),
  ])
  .optional();

const jobSchema = z
  .object({
    job_id: z.number(),
    array_job_id: number.optional(),
    array_task_id: number.optional(),
    /** The tasks that have not started yet, such as `1-3,7%2`, which share one entry. */
    array_task_string: z.string().nullish(),
    job_state: state,
    state_reason: z.string().nullish(),
    comment: z.string().nullish(),
    exit_code: exitStatus,
    restart_cnt: z.number().optional(),
    nodes: z.string().nullish(),
  })
  .loose();

const errorSchema = z.looseObject({ description: z.string().nullish(), source: z.string().nullish() });

const answerSchema = z.object({ jobs: z.array(jobSchema), errors: z.array(errorSchema).default([]) });

/** How a task of an array stands. */
export interface TaskState {
  /** The id of the array, by which it was submitted. */
  job: string;
  /** The number of the task in the array. */
  task: number;
  /** The state's first word, such as `RUNNING`. */
  state: string;
  /** Why it waits, in Slurm's words; `None` if Slurm has not looked at it yet. */
  reason: string;
  /** The node or nodes on which it runs. */
  nodes: string;
  /** The note with which the job was submitted. */
  comment: string;
  exit: { code: number; signal: number };
  /** How many times it has started again. */
  restarts: number;
}

/**
 * Reads what `squeue --json` prints, of Slurm 21.08 and later. While the controller is away that is an empty list and an error, and
 * the exit status is 0. Throws EngineSilent then, and another error if it is something else.
 */
export function tasksOf(json: string): TaskState[] {
  const { jobs, errors } = answerSchema.parse(JSON.parse(json));
  if (errors.length > 0) {
    const [{ description, source }] = errors;
    throw new EngineSilent(`squeue: ${description ?? 'has failed'}${source ? ` (${source})` : ''}`);
  }
  return jobs.flatMap((job) => {
    const { job_id, array_job_id, array_task_id, array_task_string, job_state, exit_code } = job;
    const shared = {
      job: String(array_job_id || job_id),
      state: job_state[0] ?? 'UNKNOWN',
      reason: job.state_reason ?? 'None',
      nodes: job.nodes ?? '',
      comment: job.comment ?? '',
      exit: exit_code ?? { code: 0, signal: 0 },
      restarts: job.restart_cnt ?? 0,
    };
    const tasks = array_task_string ? numbersIn(array_task_string) : [array_task_id ?? 0];
    return tasks.map((task) => ({ ...shared, task }));
  });
}

/** Returns the numbers of a list such as `1-3,7,10-20:5%4`. */
function numbersIn(list: string): number[] {
  return list
    .replace(/%.*$/, '')
    .split(',')
    .flatMap((part) => {
      const [, first, last = first, step = '1'] = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(part.trim()) ?? [];
      if (first === undefined) return [];
      const count = Math.floor((Number(last) - Number(first)) / Number(step)) + 1;
      return Array.from({ length: count }, (_, i) => Number(first) + i * Number(step));
    });
}

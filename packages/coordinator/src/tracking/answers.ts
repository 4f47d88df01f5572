import { Failure } from '@prunegrid/core/failure';
import { oneLine } from '@prunegrid/core/text/printable';
import { z } from 'zod';

/** A name or an address, which is kept, sent back and shown. MLflow's own have at most 500 characters. */
const word = z
  .string()
  .max(2000)
  .regex(/^\P{Cc}*$/u, 'a control character');

/** The fields that a client needs of what MLflow's REST API answers; it may send more. */
const lifecycle = z.enum(['active', 'deleted']);

const experiment = z.object({ experiment_id: word, name: word, lifecycle_stage: lifecycle });
export type Experiment = z.infer<typeof experiment>;

const runStatus = z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']);
/** The states of a run that a client sets. */
export type RunStatus = Exclude<z.infer<typeof runStatus>, 'SCHEDULED'>;

const runInfo = z.object({
  run_id: word,
  experiment_id: word,
  status: runStatus,
  artifact_uri: word,
  lifecycle_stage: lifecycle,
});
export type RunInfo = z.infer<typeof runInfo>;

const loggedModel = z.object({
  info: z.object({ model_id: word, artifact_uri: word, status: word }),
});
/** A model that MLflow 3 lists beside the runs. */
export type LoggedModel = z.infer<typeof loggedModel>['info'];

export const answers = {
  experiment: z.object({ experiment }),
  experimentCreated: z.object({ experiment_id: word }),
  run: z.object({
    run: z.object({
      info: runInfo,
      outputs: z.object({ model_outputs: z.array(z.object({ model_id: word })).default([]) }).optional(),
    }),
  }),
  runs: z.object({ runs: z.array(z.object({ info: runInfo })).default([]) }),
  model: z.object({ model: loggedModel }),
  models: z.object({ models: z.array(loggedModel).default([]) }),
  /** A call that answers nothing of interest. */
  done: z.object({}),
};

/** The longest part of an answer that is shown, in characters. */
const shownLength = 120;

/**
 * Returns what the server at `url` has answered to `call`, checked. Throws a `Failure` that names the address and what
 * was sent if it is not what an MLflow server answers.
 */
export function understood<T>(schema: z.ZodType<T>, answer: unknown, url: string, call: string): T {
  const { success, data, error } = schema.safeParse(answer);
  if (success) return data;
  const [{ path, message }] = error.issues;
  const sent = oneLine(JSON.stringify(answer)).slice(0, shownLength);
  throw new Failure(
    'environment',
    `${url} does not answer ${call} as an MLflow server does: ${path.join('.') || 'the answer'}: ${message}; it sent ${sent}; check the address and its port`,
  );
}

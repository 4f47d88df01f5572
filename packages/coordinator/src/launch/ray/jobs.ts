import { Failure } from '@prunegrid/core/failure';

import type { EndCause } from '../launcher.js';
import type { RayJob } from './client.js';

/** The ways in which SIGTERM ends a program, as a node that is drained sends it. */
const TERMINATED = [-15, 128 + 15];
/** What Ray says of a job that has waited in vain for a quarter of an hour. */
const NEVER_STARTED = /failed to start within|resources/;

/** Whether a job has not ended. */
export const isActive = ({ status }: Pick<RayJob, 'status'>): boolean => status === 'PENDING' || status === 'RUNNING';

/** Returns why a job has ended. A node that is lost takes its jobs along, and no exit code is known of them. */
export function causeOf({ status, driver_exit_code: code, message }: RayJob, hasRun: boolean): EndCause {
  if (status === 'STOPPED') return 'cancelled';
  if (status === 'SUCCEEDED') return 'preempted';
  if (typeof code === 'number') return TERMINATED.includes(code) ? 'preempted' : 'failed';
  return hasRun || NEVER_STARTED.test(message ?? '') ? 'preempted' : 'failed';
}

/**
 * Returns the failure of a job that has ended.
 * @param reason what the trainer has printed of that
 */
export function failureOf(id: string, job: RayJob, reason: string | undefined): Failure {
  return new Failure('trainers', `the trainer of Ray's job ${id} ${howOf(job, reason)}`);
}

function howOf({ status, driver_exit_code: code, message }: RayJob, reason: string | undefined): string {
  if (status === 'STOPPED') return 'was stopped';
  if (status === 'SUCCEEDED') return 'has left';
  if (typeof code === 'number') return `ended with exit code ${code}${reason ? `: ${reason}` : ''}`;
  const why = reason ?? message?.split('\n')[0];
  return `was lost${why ? `: ${why}` : ''}`;
}

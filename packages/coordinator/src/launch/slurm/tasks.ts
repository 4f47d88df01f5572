import { Failure } from '@prunegrid/core/failure';

import type { EndCause } from '../launcher.js';
import type { TaskState } from './states.js';

/** What became of a task, as far as a launch is concerned. */
export type Fate = 'waits' | 'runs' | 'ends' | EndCause;

/** States in which a task has lost its place through no fault of its own. */
const PREEMPTED = new Set(['NODE_FAIL', 'BOOT_FAIL', 'PREEMPTED', 'TIMEOUT', 'REVOKED']);
const WAITING = new Set([
  'PENDING',
  'CONFIGURING',
  'REQUEUED',
  'REQUEUE_HOLD',
  'REQUEUE_FED',
  'RESV_DEL_HOLD',
  'SPECIAL_EXIT',
]);
const RUNNING = new Set(['RUNNING', 'SUSPENDED', 'STOPPED', 'SIGNALING', 'RESIZING', 'STAGE_OUT']);
const SIGTERM = 15;

/** Returns what a state means. States are those of squeue(1), "JOB STATE CODES". */
export function fateOf({ state, exit }: Pick<TaskState, 'state' | 'exit'>): Fate {
  if (WAITING.has(state)) return 'waits';
  if (RUNNING.has(state)) return 'runs';
  if (state === 'COMPLETING') return 'ends';
  if (state === 'CANCELLED') return 'cancelled';
  // Near its time limit a trainer is told to leave, and leaves without an error.
  if (PREEMPTED.has(state) || state === 'COMPLETED') return 'preempted';
  return exit.signal === SIGTERM || exit.code === 128 + SIGTERM ? 'preempted' : 'failed';
}

/** Whether a task will never run again. */
export const isOver = (task: TaskState): boolean => !['waits', 'runs', 'ends'].includes(fateOf(task));

const HOW: Partial<Record<string, string>> = {
  NODE_FAIL: 'has lost its node',
  BOOT_FAIL: 'has lost its node',
  PREEMPTED: 'had to make way for another job',
  TIMEOUT: 'has reached its time limit',
  CANCELLED: 'was cancelled',
  COMPLETED: 'has left before its time limit',
  OUT_OF_MEMORY: 'has used more memory than it asked for: raise launch.memory',
};

/**
 * Returns the failure of a task that has ended.
 * @param reason what it has printed of that
 */
export function failureOf({ job, task, state, nodes, exit }: TaskState, reason: string | undefined): Failure {
  const how =
    HOW[state] ??
    (exit.signal > 0 ? `was ended by signal ${exit.signal}` : `ended with exit code ${exit.code} (${state})`);
  const where = nodes ? ` on ${nodes}` : '';
  return new Failure(
    'trainers',
    `the trainer of Slurm's task ${job}_${task}${where} ${how}${reason ? `: ${reason}` : ''}`,
  );
}

/** Returns how many tasks wait, and why, in one line; undefined if none does or Slurm has not looked at them yet. */
export function waitingOf(
  tasks: readonly TaskState[],
  asked: string,
): { trainers: number; reason: string } | undefined {
  const waiting = tasks.filter((task) => fateOf(task) === 'waits');
  const reasons = new Map<string, string>();
  for (const { reason, job, state } of waiting) {
    const why = reason === 'None' && state !== 'PENDING' ? state : reason;
    if (why !== 'None') reasons.set(why, job);
  }
  if (reasons.size === 0) return undefined;
  const list = [...reasons].map(([why, job]) => `${why} (job ${job})`).join(', ');
  return { trainers: waiting.length, reason: `Slurm has not started them: ${list}; asked for ${asked}` };
}

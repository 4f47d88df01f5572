import { describe, expect, it } from 'vitest';

import { EngineSilent } from '../polling.js';
import { tasksOf } from './states.js';
import { failureOf, fateOf, isOver, waitingOf } from './tasks.js';

/** What squeue --json of Slurm 22.05 prints of an array of five, and of a job that is none, without what is not read. */
const OLD = JSON.stringify({
  meta: { Slurm: { version: { major: 22 } } },
  errors: [],
  jobs: [
    {
      ...{ job_id: 4, array_job_id: 1, array_task_id: 1, array_task_string: '', job_state: 'RUNNING', restart_cnt: 1 },
      ...{ state_reason: 'None', exit_code: 0, nodes: 'n1', comment: 'note' },
    },
    {
      ...{ job_id: 5, array_job_id: 1, array_task_id: 2, array_task_string: '', job_state: 'FAILED', restart_cnt: 0 },
      ...{ state_reason: 'NonZeroExitCode', exit_code: 1024, nodes: 'n1', comment: 'note' },
    },
    {
      ...{ job_id: 1, array_job_id: 1, array_task_id: null, array_task_string: '3,5-7:2%2', job_state: 'PENDING' },
      ...{ state_reason: 'PartitionDown', exit_code: 0, restart_cnt: 0, nodes: '', comment: 'note' },
    },
    { job_id: 9, array_job_id: 0, array_task_id: null, job_state: 'RUNNING', state_reason: 'None', exit_code: 15 },
  ],
});

/** The same as Slurm 23.11 and later write it. */
const NEW = JSON.stringify({
  jobs: [
    {
      ...{ job_id: 4, array_job_id: { set: true, infinite: false, number: 1 }, array_task_string: '' },
      ...{ array_task_id: { set: true, infinite: false, number: 1 }, job_state: ['RUNNING'], restart_cnt: 1 },
      ...{ state_reason: 'None', nodes: 'n1', comment: 'note' },
      exit_code: { status: ['SUCCESS'], return_code: { set: true, infinite: false, number: 0 } },
    },
    {
      ...{ job_id: 5, array_job_id: { set: true, infinite: false, number: 1 }, array_task_string: '' },
      ...{ array_task_id: { set: true, infinite: false, number: 2 }, job_state: ['FAILED', 'COMPLETING'] },
      ...{ state_reason: 'NonZeroExitCode', nodes: 'n1', comment: 'note' },
      exit_code: {
        ...{ status: ['ERROR'], return_code: { set: true, infinite: false, number: 4 } },
        signal: { id: { set: false, infinite: false, number: 0 }, name: '' },
      },
    },
    {
      ...{ job_id: 1, array_job_id: { set: true, infinite: false, number: 1 }, array_task_string: '3,5-7:2%2' },
      ...{ array_task_id: { set: false, infinite: false, number: 0 }, job_state: ['PENDING'] },
      ...{ state_reason: 'PartitionDown', nodes: '', comment: 'note' },
      exit_code: { status: ['SUCCESS'], return_code: { set: true, infinite: false, number: 0 } },
    },
    {
      ...{ job_id: 9, array_job_id: { set: true, infinite: false, number: 0 }, job_state: ['RUNNING'] },
      ...{ array_task_id: { set: false, infinite: false, number: 0 }, state_reason: 'None' },
      exit_code: {
        ...{ status: ['SIGNALED'], return_code: { set: false, infinite: false, number: 0 } },
        signal: { id: { set: true, infinite: false, number: 15 }, name: 'Terminated' },
      },
    },
  ],
});

describe('what squeue prints', () => {
  it.each([
    ['22.05', OLD],
    ['23.11', NEW],
  ])('is read as Slurm %s writes it', (_, json) => {
    const tasks = tasksOf(json);
    expect(tasks.map(({ job, task, state }) => `${job}_${task} ${state}`)).toEqual([
      '1_1 RUNNING',
      '1_2 FAILED',
      '1_3 PENDING',
      '1_5 PENDING',
      '1_7 PENDING',
      '9_0 RUNNING',
    ]);
    expect(tasks[0]).toMatchObject({ restarts: 1, nodes: 'n1', comment: 'note' });
    expect(tasks[1].exit).toEqual({ code: 4, signal: 0 });
    expect(tasks[5].exit).toEqual({ code: 0, signal: 15 });
    expect(failureOf(tasks[1], 'no data').message).toBe(
      "the trainer of Slurm's task 1_2 on n1 ended with exit code 4 (FAILED): no data",
    );
    expect(waitingOf(tasks, 'cpus 1')).toEqual({
      trainers: 3,
      reason: 'Slurm has not started them: PartitionDown (job 1); asked for cpus 1',
    });
  });

  it.each(['', '{}', '{"jobs":[{}]}', '[]', 'slurm_load_jobs error'])('is refused if it is %j', (text) =>
    expect(() => tasksOf(text)).toThrow(),
  );
});

it('a list that comes with an error is no answer: while the controller is away, it is empty', () => {
  const error = { description: 'Failed while looking for jobs', error_number: -1, source: 'slurm_load_jobs' };
  expect(() => tasksOf(JSON.stringify({ errors: [error], jobs: [] }))).toThrow(
    new EngineSilent('squeue: Failed while looking for jobs (slurm_load_jobs)'),
  );
});

describe('the state of a task', () => {
  const exit = { code: 0, signal: 0 };
  it.each([
    ['PENDING', exit, 'waits'],
    ['RUNNING', exit, 'runs'],
    ['COMPLETING', exit, 'ends'],
    ['COMPLETED', exit, 'preempted'],
    ['TIMEOUT', exit, 'preempted'],
    ['NODE_FAIL', exit, 'preempted'],
    ['CANCELLED', { code: 0, signal: 15 }, 'cancelled'],
    ['FAILED', { code: 4, signal: 0 }, 'failed'],
    ['FAILED', { code: 0, signal: 15 }, 'preempted'],
    ['FAILED', { code: 143, signal: 0 }, 'preempted'],
    ['OUT_OF_MEMORY', { code: 0, signal: 9 }, 'failed'],
  ])('%s with %j means %s', (state, status, fate) => {
    const task = { job: '1', task: 2, state, reason: 'None', nodes: '', comment: '', exit: status, restarts: 0 };
    expect(fateOf(task)).toBe(fate);
    expect(isOver(task)).toBe(!['waits', 'runs', 'ends'].includes(fate));
  });
});

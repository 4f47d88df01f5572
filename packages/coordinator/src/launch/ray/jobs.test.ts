import { describe, expect, it } from 'vitest';

import { causeOf, failureOf } from './jobs.js';

describe("the end of Ray's job", () => {
  it.each([
    ['that failed', { status: 'FAILED', driver_exit_code: 3 }, true, 'failed', 'ended with exit code 3: no luck'],
    ['that was killed', { status: 'FAILED', driver_exit_code: -9 }, true, 'failed', 'ended with exit code -9: no luck'],
    [
      'on a node that is drained',
      { status: 'FAILED', driver_exit_code: -15 },
      true,
      'preempted',
      'ended with exit code -15: no luck',
    ],
    [
      'on a node that is lost',
      { status: 'FAILED', driver_exit_code: null, message: 'no luck\nat all' },
      true,
      'preempted',
      'was lost: no luck',
    ],
    [
      'that never started',
      { status: 'FAILED', message: 'Job supervisor actor failed to start within 900 seconds.' },
      false,
      'preempted',
      'was lost: no luck',
    ],
    [
      'that cannot start',
      { status: 'FAILED', message: 'runtime_env setup failed' },
      false,
      'failed',
      'was lost: no luck',
    ],
    ['that somebody has stopped', { status: 'STOPPED', driver_exit_code: -15 }, true, 'cancelled', 'was stopped'],
    ['that has left', { status: 'SUCCEEDED', driver_exit_code: 0 }, true, 'preempted', 'has left'],
  ] as const)('%s', (_title, job, hasRun, cause, how) => {
    expect(causeOf(job, hasRun)).toBe(cause);
    const reason = 'message' in job && hasRun ? undefined : 'no luck';
    expect(failureOf('it', job, reason).message).toBe(`the trainer of Ray's job it ${how}`);
  });
});

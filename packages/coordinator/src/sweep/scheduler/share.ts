import { Failure } from '@prunegrid/core/failure';
import { counted } from '@prunegrid/core/text/figures';

import { type JobTrainers, type Membership, Regrouped } from '../../cluster/index.js';
import { Paused } from '../../training/run.js';

/**
 * The trainers that a job of a sweep has been given. The job goes on with those that it has left when some are lost. Without any
 * it waits for its turn again: the scheduler decides who gets those that come.
 */
export function shareOf(membership: Membership, warn: (line: string) => void): JobTrainers {
  return {
    get members() {
      return membership.members;
    },
    get lateMessages() {
      return membership.lateMessages;
    },
    lead: (work) => membership.lead(work),
    async reform(cause) {
      const { length } = membership.members;
      // A trainer that was told to leave is no failure, and spends no retry.
      if (length === 0) throw cause instanceof Regrouped ? new Paused() : cause;
      if (cause instanceof Failure)
        warn(`${cause.message}; goes on with ${counted(length, 'trainer')} from what was saved last`);
    },
  };
}

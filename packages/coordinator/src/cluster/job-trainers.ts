import { Failure } from '@prunegrid/core/failure';
import type { Clock, Timer } from '@prunegrid/core/runtime';
import { counted } from '@prunegrid/core/text/figures';

import type { TrainerGroup } from './group.js';
import type { Membership } from './membership.js';
import type { TrainerPool } from './pool.js';
import type { Trainer } from './trainer.js';

/** The trainers of a job, which may change while it lasts. */
export interface JobTrainers {
  /** Does `work` with a group of the trainers that there are, as `Membership.lead` does. */
  lead<T>(work: (group: TrainerGroup) => Promise<T>): Promise<T>;
  /**
   * Resolves when another group can be formed after `work` has ended by `cause`. Rejects with the error with which the
   * job ends, if there are too few trainers for one.
   */
  reform(cause: unknown): Promise<void>;
  /** The trainers that there are. */
  readonly members: readonly Trainer[];
  /** Number of messages of earlier groups that came too late, and were dropped. */
  readonly lateMessages: number;
}

/** Milliseconds to wait for further trainers after one has come, so that several of them are taken in together. */
const JOIN_MS = 1000;

export interface ElasticOptions {
  pool: TrainerPool;
  membership: Membership;
  clock: Clock;
  /** Smallest and largest number of trainers of a group. */
  least: number;
  most: number;
  /** Seconds to wait for the smallest number, which may be infinite. */
  wait: number;
  /** Rejects when none can come any more. */
  ended: Promise<never>;
  /** Aborts when the job is to end. */
  signal: AbortSignal;
  warn: (line: string) => void;
}

/**
 * The trainers of a job that has a pool for itself. It goes on with those that are left when some are lost, if they are enough, and with
 * others as soon as they have come.
 */
export class ElasticTrainers implements JobTrainers {
  private readonly unsubscribe: () => void;
  private joining: Timer | undefined;
  private working = false;

  constructor(private readonly options: ElasticOptions) {
    this.unsubscribe = options.pool.subscribe(() => this.welcome());
  }

  get members(): readonly Trainer[] {
    return this.options.membership.members;
  }

  get lateMessages(): number {
    return this.options.membership.lateMessages;
  }

  async lead<T>(work: (group: TrainerGroup) => Promise<T>): Promise<T> {
    this.working = true;
    this.welcome();
    try {
      return await this.options.membership.lead(work);
    } finally {
      this.working = false;
      this.joining?.cancel();
      this.joining = undefined;
    }
  }

  async reform(cause: unknown): Promise<void> {
    const { membership, least, warn } = this.options;
    const lost = cause instanceof Failure ? cause.message : undefined;
    this.enlist();
    if (membership.members.length < least) await this.wait(lost);
    if (lost !== undefined)
      warn(`${lost}; goes on with ${counted(membership.members.length, 'trainer')} from what was saved last`);
  }

  close(): void {
    this.unsubscribe();
    this.joining?.cancel();
  }

  /** Takes in as many trainers as there are; of those that have failed again and again, only as many as it must. */
  private enlist(): void {
    const { pool, membership, least, most } = this.options;
    membership.enlist(Math.max(least, Math.min(most, membership.members.length + pool.trustedCount)));
  }

  /** Has the group formed anew soon if others have come that it can use. */
  private welcome(): void {
    const { pool, membership, most, clock } = this.options;
    if (!this.working || this.joining || membership.members.length >= most) return;
    const pause = pool.trustedCount > 0 ? JOIN_MS : pool.nextTrust;
    if (pause === undefined) return;
    this.joining = clock.after(pause, () => {
      this.joining = undefined;
      if (pool.trustedCount > 0) membership.regroup();
      else this.welcome();
    });
  }

  /** Waits until there are enough trainers. */
  private async wait(lost: string | undefined): Promise<void> {
    const { pool, membership, least, wait, ended, signal, warn } = this.options;
    const here = membership.members.length;
    const limit = wait === Infinity ? '' : `${wait} s `;
    const reason = lost ?? 'trainers have left as they were told to';
    warn(`${reason}; ${counted(here, 'trainer')} left, ${least} needed: waiting ${limit}for others`);
    const isEnough = () => {
      this.enlist();
      return membership.members.length >= least;
    };
    const expired = () =>
      new Failure('trainers', `${reason}; no other trainer came within ${wait} s: start some, then resume the run`);
    await pool.waitUntil(isEnough, { seconds: wait, expired, ended, signal });
  }
}

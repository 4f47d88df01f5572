import { Failure } from '@prunegrid/core/failure';
import type { Clock, Timer } from '@prunegrid/core/runtime';
import { counted } from '@prunegrid/core/text/figures';

import type { TrainerGroup } from './group.js';
import type { Membership } from './membership.js';
import type { TrainerPool } from './pool.js';
import type { Trainer } from './trainer.js';

/** Milliseconds to wait for further trainers after one has come, so that several of them are taken in together. */
const JOIN_MS = 1000;

export interface JobTrainersOptions {
  pool: TrainerPool;
  clock: Clock;
  /** Smallest and largest number of trainers of a group. */
  least: number;
  most: number;
  /**
   * How long to wait for the smallest number: seconds, which may be infinite, unless none can come any more, when `ended` rejects.
   * Absent if the job then ends, because others decide who gets those that come.
   */
  wait?: { seconds: number; ended: Promise<never> };
  /** Aborts when the job is to end. */
  signal: AbortSignal;
  warn: (line: string) => void;
}

/**
 * The trainers of a job, which may change while it lasts. It goes on with those that are left when some are lost, if they
 * are enough, and with others as soon as they have come.
 */
export class JobTrainers {
  private readonly unsubscribe: () => void;
  private joining: Timer | undefined;
  private working = false;

  private constructor(
    private readonly membership: Membership,
    private readonly options: JobTrainersOptions,
  ) {
    this.unsubscribe = options.pool.subscribe(() => this.welcome());
  }

  /** Holds `count` free trainers of the pool for a job while `work` lasts. */
  static hold<T>(count: number, options: JobTrainersOptions, work: (trainers: JobTrainers) => Promise<T>): Promise<T> {
    const held = async (membership: Membership) => {
      const trainers = new JobTrainers(membership, options);
      try {
        return await work(trainers);
      } finally {
        trainers.close();
      }
    };
    return options.pool.hold(count, held, options.signal);
  }

  /** The trainers that there are. */
  get members(): readonly Trainer[] {
    return this.membership.members;
  }

  /** Number of messages of earlier groups that came too late, and were dropped. */
  get lateMessages(): number {
    return this.membership.lateMessages;
  }

  /** Does `work` with a group of the trainers that there are, as `Membership.lead` does. */
  async lead<T>(work: (group: TrainerGroup) => Promise<T>): Promise<T> {
    this.working = true;
    this.welcome();
    try {
      return await this.membership.lead(work);
    } finally {
      this.working = false;
      this.joining?.cancel();
      this.joining = undefined;
    }
  }

  /**
   * Resolves when another group can be formed after `work` has ended by `cause`. Rejects if there are too few trainers for one: with
   * a Failure when none has come in time or, if the job must not wait for any, with `cause`.
   */
  async reform(cause: unknown): Promise<void> {
    const { wait, warn } = this.options;
    const lost = cause instanceof Failure ? cause.message : undefined;
    if (!this.enlist()) {
      if (!wait) throw cause;
      await this.wait(lost, wait);
    }
    if (lost !== undefined)
      warn(`${lost}; goes on with ${counted(this.members.length, 'trainer')} from what was saved last`);
  }

  private close(): void {
    this.unsubscribe();
    this.joining?.cancel();
  }

  /**
   * Takes in as many trainers as there are; of those that have failed again and again, only as many as it must. Returns whether they
   * are enough.
   */
  private enlist(): boolean {
    const { pool, least, most } = this.options;
    this.membership.enlist(Math.max(least, Math.min(most, this.members.length + pool.trustedCount)));
    return this.members.length >= least;
  }

  /** Has the group formed anew soon if others have come that it can use. */
  private welcome(): void {
    const { pool, most, clock } = this.options;
    if (!this.working || this.joining || this.members.length >= most) return;
    const pause = pool.trustedCount > 0 ? JOIN_MS : pool.nextTrust;
    if (pause === undefined) return;
    this.joining = clock.after(pause, () => {
      this.joining = undefined;
      if (pool.trustedCount > 0) this.membership.regroup();
      else this.welcome();
    });
  }

  /** Waits until there are enough trainers. */
  private async wait(
    lost: string | undefined,
    { seconds, ended }: { seconds: number; ended: Promise<never> },
  ): Promise<void> {
    const { pool, least, signal, warn } = this.options;
    const here = this.members.length;
    const limit = seconds === Infinity ? '' : `${seconds} s `;
    const reason = lost ?? 'trainers have left as they were told to';
    warn(`${reason}; ${counted(here, 'trainer')} left, ${least} needed: waiting ${limit}for others`);
    const expired = () =>
      new Failure('trainers', `${reason}; no other trainer came within ${seconds} s: start some, then resume the run`);
    await pool.waitUntil(() => this.enlist(), { seconds, expired, ended, signal });
  }
}

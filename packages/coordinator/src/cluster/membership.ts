import { Failure } from '@prunegrid/core/failure';

import { type GroupOptions, TrainerGroup } from './group.js';
import type { Trainer } from './trainer.js';
import { WaitTimes } from './watchdog.js';

/**
 * Abort reason of a group's signal when its job is saved and goes on with other trainers, because one is to leave or
 * others have come.
 */
export class Regrouped extends Error {}

/** What a membership needs of the pool. */
export interface Lender {
  /** Takes up to `count` free trainers. */
  take(count: number): Trainer[];
  /** Returns whether the trainer was taken and has not left. */
  hasTaken(trainer: Trainer): boolean;
  /** Makes a trainer free again that was taken and has not left. */
  giveBack(trainer: Trainer): void;
  /** Dismisses a trainer that is to leave. */
  dismiss(trainer: Trainer): void;
  /** Must be called with the host of trainers that, at one time, did not do what their job asked of them. */
  failed(host: string): void;
  nextGeneration(): number;
}

/**
 * The trainers that work at one job. Some may leave and others may come while it lasts. Each set of them forms a group,
 * one after the other, whose lease has a generation of its own: messages of an earlier one are dropped.
 */
export class Membership {
  private trainers: Trainer[];
  private readonly times = new WaitTimes();
  private regrouping = new AbortController();
  private dropped = 0;

  constructor(
    private readonly lender: Lender,
    count: number,
    private readonly options: Omit<GroupOptions, 'times'>,
  ) {
    this.trainers = lender.take(count);
  }

  /** The trainers that have not left. */
  get members(): readonly Trainer[] {
    return this.trainers.filter((trainer) => this.lender.hasTaken(trainer));
  }

  /** Number of messages of earlier groups that came too late. */
  get lateMessages(): number {
    return this.dropped;
  }

  has(trainer: Trainer): boolean {
    return this.trainers.includes(trainer);
  }

  /** Takes free trainers in until there are `count`. */
  enlist(count: number): void {
    const members = this.members;
    const others = this.lender.take(count - members.length);
    this.trainers = [...members, ...others].sort((a, b) => a.number - b.number);
  }

  /** Makes the current group's signal abort, so that its work is saved and ends with the reason `Regrouped`. */
  regroup(): void {
    this.regrouping.abort(new Regrouped('the trainers are grouped anew'));
  }

  /**
   * Does `work` with a group of all trainers of this job. Rejects with the error of `work`, and with a Failure if a trainer
   * leaves or makes no progress. Trainers that have been lost, or that are to leave, then belong to the job no more.
   */
  async lead<T>(work: (group: TrainerGroup) => Promise<T>): Promise<T> {
    const { lender, options, times } = this;
    this.regrouping = new AbortController();
    const signals = [this.regrouping.signal, ...(options.signal ? [options.signal] : [])];
    const trainers = this.members;
    if (trainers.length === 0) throw new Failure('trainers', 'all trainers have left: see their own output');
    const group = new TrainerGroup(trainers, lender.nextGeneration(), {
      ...options,
      times,
      signal: AbortSignal.any(signals),
    });
    try {
      await group.begin();
      return await work(group);
    } finally {
      const ready = new Set(await group.release());
      this.dropped += group.lateMessages;
      const lost = new Set<string>();
      for (const trainer of trainers) {
        if (trainer.isLeaving) lender.dismiss(trainer);
        else if (!ready.has(trainer)) lost.add(trainer.hello.host);
      }
      for (const host of lost) lender.failed(host);
      this.trainers = trainers.filter((trainer) => ready.has(trainer) && lender.hasTaken(trainer));
    }
  }

  /** Gives all trainers back. */
  end(): void {
    for (const trainer of this.trainers) this.lender.giveBack(trainer);
    this.trainers = [];
  }
}

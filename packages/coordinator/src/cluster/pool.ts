import { encodeFromCoordinator } from '@prunegrid/proto';
import type { Failure } from '@prunegrid/core/failure';
import type { Timer } from '@prunegrid/core/runtime';

import { Cooling } from './cooling.js';
import type { GroupOptions, TrainerGroup } from './group.js';
import { type Lender, Membership } from './membership.js';
import type { Trainer } from './trainer.js';

/** Milliseconds that trainers have to disconnect after they were told that they may leave. */
const FAREWELL_MS = 3000;

/** How long to wait for trainers. */
export interface PoolWait {
  /** Seconds, which may be infinite. */
  seconds: number;
  /** Returns the failure with which the wait ends when the seconds are over; undefined if it ends without one. */
  expired: () => Failure | undefined;
  /** Rejects when no more trainers can come. */
  ended: Promise<never>;
  /** Aborts when nobody needs them any more. */
  signal?: AbortSignal;
}

/** Pool of the trainers that have been admitted and have not left. Each works at one job at a time at most. */
export class TrainerPool {
  private readonly taken = new Set<Trainer>();
  private readonly free = new Set<Trainer>();
  /** Trainers that have been told to leave and are about to. */
  private readonly departing = new Set<Trainer>();
  private readonly memberships = new Set<Membership>();
  private readonly listeners = new Set<() => void>();
  private readonly cooling: Cooling;
  private generations = 0;

  constructor(private readonly options: Omit<GroupOptions, 'signal' | 'times'>) {
    this.cooling = new Cooling(options.runtime.clock);
  }

  /** All trainers of the pool, in the order of admission. */
  get trainers(): readonly Trainer[] {
    return inOrder([...this.free, ...this.taken]);
  }

  get freeCount(): number {
    return this.free.size;
  }

  /** Number of free trainers on machines that are not left out for a while because theirs failed again and again. */
  get trustedCount(): number {
    return [...this.free].filter((trainer) => this.waitFor(trainer) === 0).length;
  }

  /** Milliseconds after which another free trainer counts as trusted, or undefined if none will. */
  get nextTrust(): number | undefined {
    const waits = [...this.free].map((trainer) => this.waitFor(trainer)).filter((wait) => wait > 0);
    return waits.length > 0 ? Math.min(...waits) : undefined;
  }

  /** Calls `listener` whenever a trainer has joined, left or become free. Returns the function that ends this. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Resolves when `isEnough` returns true, which is asked now and whenever trainers have joined, left or become free.
   * Rejects as `wait` says.
   */
  async waitUntil(isEnough: () => boolean, { seconds, expired, ended, signal }: PoolWait): Promise<void> {
    let timer: Timer | undefined;
    let unsubscribe: () => void = () => undefined;
    let abort: () => void = () => undefined;
    const enough = new Promise<void>((resolve, reject) => {
      const look = () => {
        if (isEnough()) resolve();
      };
      unsubscribe = this.subscribe(look);
      look();
      abort = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) abort();
      if (seconds === Infinity) return;
      timer = this.options.runtime.clock.after(seconds * 1000, () => {
        const failure = expired();
        if (failure) reject(failure);
        else resolve();
      });
    });
    try {
      await Promise.race([enough, ended]);
    } finally {
      unsubscribe();
      timer?.cancel();
      signal?.removeEventListener('abort', abort);
    }
  }

  add(trainer: Trainer): void {
    this.free.add(trainer);
    this.changed();
  }

  /** Removes a trainer. Returns false if it was no longer in the pool. */
  remove(trainer: Trainer): boolean {
    const known = this.free.delete(trainer) || this.taken.delete(trainer) || this.departing.delete(trainer);
    if (known) this.changed();
    return known;
  }

  /** Lets a trainer leave that has been told to, as soon as its job has saved what it has computed. */
  letLeave(trainer: Trainer): void {
    for (const membership of this.memberships) if (membership.has(trainer)) membership.regroup();
  }

  /** Holds `count` free trainers together for a job. When `work` ends, those that have not left are free again. */
  async hold<T>(count: number, work: (membership: Membership) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.free.size < count) throw new RangeError(`${count} trainers asked for, ${this.free.size} free`);
    const membership = new Membership(this.lender, count, { ...this.options, signal });
    this.memberships.add(membership);
    try {
      return await work(membership);
    } finally {
      this.memberships.delete(membership);
      membership.end();
      this.changed();
    }
  }

  /**
   * Leases `count` free trainers together for `work`, which ends if one of them is lost. Rejects with the error of
   * `work`, and with a Failure if a trainer leaves or makes no progress.
   */
  lease<T>(count: number, work: (group: TrainerGroup) => Promise<T>): Promise<T> {
    return this.hold(count, (membership) => membership.lead(work));
  }

  /** Tells all trainers that they may leave, and waits a few seconds at most until they have left. */
  async dismiss(): Promise<void> {
    const left = Promise.allSettled([...this.free].map((trainer) => this.sayFarewell(trainer)));
    const { clock } = this.options.runtime;
    await new Promise<void>((resolve) => {
      const timer = clock.after(FAREWELL_MS, resolve);
      void left.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  private readonly lender: Lender = {
    take: (count) => {
      // Trainers of machines that have failed often come last.
      const taken = inOrder([...this.free])
        .sort((a, b) => this.waitFor(a) - this.waitFor(b))
        .slice(0, Math.max(0, count));
      for (const trainer of taken) {
        this.free.delete(trainer);
        this.taken.add(trainer);
      }
      return inOrder(taken);
    },
    hasTaken: (trainer) => this.taken.has(trainer),
    giveBack: (trainer) => {
      if (this.taken.delete(trainer)) this.free.add(trainer);
    },
    dismiss: (trainer) => {
      if (this.taken.delete(trainer)) this.departing.add(trainer);
      void this.sayFarewell(trainer).catch(() => undefined);
    },
    failed: (host) => this.cooling.failed(host),
    nextGeneration: () => ++this.generations,
  };

  private async sayFarewell({ channel }: Trainer): Promise<void> {
    await channel.send(encodeFromCoordinator({ $case: 'finish', value: {} }));
    await channel.receive();
  }

  private waitFor({ hello }: Trainer): number {
    return this.cooling.left(hello.host);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}

const inOrder = (trainers: Trainer[]): Trainer[] => trainers.sort((a, b) => a.number - b.number);

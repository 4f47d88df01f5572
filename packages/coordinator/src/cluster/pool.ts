import { encodeFromCoordinator } from '@prunegrid/proto';

import { type GroupOptions, TrainerGroup } from './group.js';
import type { Trainer } from './trainer.js';

/** Milliseconds that trainers have to disconnect after they were told that they may leave. */
const FAREWELL_MS = 3000;

/** Pool of the trainers that have been admitted and have not left. Each is leased to at most one group at a time. */
export class TrainerPool {
  private readonly leased = new Set<Trainer>();
  private readonly free = new Set<Trainer>();
  private leases = 0;

  /** @param changed called when a trainer has joined, left or become free */
  constructor(
    private readonly options: Omit<GroupOptions, 'signal'>,
    private readonly changed: () => void,
  ) {}

  /** All trainers of the pool, in the order of admission. */
  get trainers(): readonly Trainer[] {
    return [...this.free, ...this.leased].sort((a, b) => a.number - b.number);
  }

  get freeCount(): number {
    return this.free.size;
  }

  add(trainer: Trainer): void {
    this.free.add(trainer);
    this.changed();
  }

  /** Removes a trainer. Returns false if it was no longer in the pool. */
  remove(trainer: Trainer): boolean {
    const known = this.free.delete(trainer) || this.leased.delete(trainer);
    if (known) this.changed();
    return known;
  }

  /**
   * Leases `count` free trainers together for `work`. When `work` ends, the trainers that have not left are free again.
   * Rejects with the error of `work`, and with a Failure if a trainer leaves or makes no progress.
   */
  async lease<T>(count: number, work: (group: TrainerGroup) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const trainers = [...this.free].sort((a, b) => a.number - b.number).slice(0, count);
    if (trainers.length < count) throw new RangeError(`${count} trainers asked for, ${trainers.length} free`);
    const generation = ++this.leases;
    for (const trainer of trainers) {
      this.free.delete(trainer);
      this.leased.add(trainer);
    }
    const group = new TrainerGroup(trainers, generation, { ...this.options, signal });
    try {
      await group.begin();
      return await work(group);
    } finally {
      for (const trainer of await group.release()) if (this.leased.delete(trainer)) this.free.add(trainer);
      for (const trainer of trainers) this.leased.delete(trainer);
      this.changed();
    }
  }

  /** Tells all trainers that they may leave, and waits a few seconds at most until they have left. */
  async dismiss(): Promise<void> {
    const frame = encodeFromCoordinator({ $case: 'finish', value: {} });
    const left = Promise.allSettled(
      [...this.free].map(async ({ channel }) => {
        await channel.send(frame);
        await channel.receive();
      }),
    );
    const { clock } = this.options.runtime;
    await new Promise<void>((resolve) => {
      const timer = clock.after(FAREWELL_MS, resolve);
      void left.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

import { encodeFromCoordinator } from '@prunegrid/proto';

import { type GroupOptions, TrainerGroup } from './group.js';
import type { Trainer } from './trainer.js';

/** How long trainers may take to leave once they may, in milliseconds. */
const FAREWELL_MS = 3000;

/** The trainers that have been admitted and have not left, each leased to one piece of work at a time. */
export class TrainerPool {
  private readonly leased = new Set<Trainer>();
  private readonly free = new Set<Trainer>();
  private leases = 0;

  /** @param changed called when a trainer has come, left or become free */
  constructor(
    private readonly options: Omit<GroupOptions, 'signal'>,
    private readonly changed: () => void,
  ) {}

  /** In the order of admission. */
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

  /** Returns false if the trainer had left already. */
  remove(trainer: Trainer): boolean {
    const known = this.free.delete(trainer) || this.leased.delete(trainer);
    if (known) this.changed();
    return known;
  }

  /**
   * Leases `count` free trainers to `work`, all at once, and takes those back that have not left by its end.
   * Rejects with what `work` rejects with, and with a Failure if a trainer leaves or makes no progress.
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

  /** Tells all trainers that they may leave, and waits until they have, but not for long. */
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

import { encodeFromCoordinator } from '@prunegrid/proto';

import { setTimeout } from 'node:timers/promises';

import { type GroupOptions, TrainerGroup } from './group.js';
import type { Trainer } from './trainer.js';

/** How long trainers may take to leave once they may, in milliseconds. */
const FAREWELL_MS = 3000;

/** The trainers that have been admitted and have not left, each lent to one piece of work at a time. */
export class TrainerPool {
  private readonly leased = new Set<Trainer>();
  private readonly free = new Set<Trainer>();
  private leases = 0;

  /** @param changed called when a trainer has come, left or become free */
  constructor(
    private readonly options: Omit<GroupOptions, 'signal'>,
    private readonly changed: () => void,
  ) {}

  get trainers(): readonly Trainer[] {
    return [...this.free, ...this.leased].sort((a, b) => a.number - b.number);
  }

  get freeCount(): number {
    return this.free.size;
  }

  add(member: Trainer): void {
    this.free.add(member);
    this.changed();
  }

  /** False where the trainer had left already. */
  remove(member: Trainer): boolean {
    const known = this.free.delete(member) || this.leased.delete(member);
    if (known) this.changed();
    return known;
  }

  /**
   * Lends `count` free trainers to `work`, all at once, and takes those back that have not left by its end.
   * Rejects with what `work` rejects with, and with a Failure where a trainer leaves.
   */
  async lease<T>(count: number, work: (group: TrainerGroup) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const members = [...this.free].sort((a, b) => a.number - b.number).slice(0, count);
    if (members.length < count) throw new RangeError(`${count} trainers asked for, ${members.length} free`);
    for (const member of members) {
      this.free.delete(member);
      this.leased.add(member);
    }
    const group = new TrainerGroup(members, ++this.leases, { ...this.options, signal });
    try {
      await group.begin();
      return await work(group);
    } finally {
      for (const member of await group.release()) if (this.leased.delete(member)) this.free.add(member);
      for (const member of members) this.leased.delete(member);
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
    const waited = new AbortController();
    await Promise.race([left, setTimeout(FAREWELL_MS, undefined, { signal: waited.signal }).catch(() => undefined)]);
    waited.abort();
  }
}

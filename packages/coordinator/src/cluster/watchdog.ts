import type { Clock, Timer } from '@prunegrid/core/runtime';
import { deadlineOf, UsualTime, type WaitLimits, warningOf } from '@prunegrid/core/wait-limits';

import type { Trainer } from './trainer.js';

const TICK_MS = 1000;

/**
 * Kind of a wait, which determines its unit of time: `steps` are timed per round, `evaluation` per block of images, and
 * `messages` per message.
 */
export type Awaited = 'steps' | 'evaluation' | 'messages';

/** One wait for answers of some trainers. */
interface Wait {
  readonly awaited: Awaited;
  readonly amount: number;
  readonly since: number;
  /** Trainers whose answers have not arrived. */
  readonly pending: Set<Trainer>;
  stalled: boolean;
}

export interface WatchdogOptions {
  clock: Clock;
  limits: WaitLimits;
  warn: (line: string) => void;
  /** Called at most once per wait, when some trainers have been silent beyond its deadline. */
  stalled: (trainers: readonly Trainer[], silence: string) => void;
}

/**
 * Watches the trainers of a lease during waits. A trainer makes progress when a message passes between it and the
 * coordinator. The deadline for silence depends on how long earlier waits of the same kind took. The watchdog checks
 * once a second, so that no step needs its own timer.
 */
export class Watchdog {
  private readonly usual: Record<Awaited, UsualTime> = {
    ...{ steps: new UsualTime(), evaluation: new UsualTime(), messages: new UsualTime() },
  };
  /** Longest wait for steps or an evaluation so far, in milliseconds. */
  private longest: number | undefined;
  private readonly waits = new Set<Wait>();
  private readonly progress = new Map<Trainer, { messages: number; at: number; warned: boolean }>();
  private readonly ticks: Timer;

  constructor(private readonly options: WatchdogOptions) {
    this.ticks = options.clock.every(TICK_MS, () => this.look());
  }

  /**
   * Starts a wait for `trainers`.
   * @param amount number of rounds or blocks for which this wait lasts
   */
  begin(trainers: readonly Trainer[], awaited: Awaited, amount: number): Wait {
    const since = this.options.clock.monotonic();
    const wait = { awaited, amount: Math.max(1, amount), since, pending: new Set(trainers), stalled: false };
    this.waits.add(wait);
    return wait;
  }

  /** Ends a wait, because all answers have arrived or because no more will. */
  end(wait: Wait, succeeded: boolean): void {
    this.waits.delete(wait);
    if (!succeeded) return;
    const milliseconds = this.options.clock.monotonic() - wait.since;
    this.usual[wait.awaited].add(milliseconds / wait.amount);
    if (wait.awaited !== 'messages') this.longest = Math.max(this.longest ?? 0, milliseconds);
  }

  /** Deadline of the longest wait so far, in milliseconds. */
  get longestDeadline(): number {
    return deadlineOf(this.longest, this.options.limits);
  }

  close(): void {
    this.ticks.cancel();
  }

  private look(): void {
    const now = this.options.clock.monotonic();
    for (const wait of this.waits) {
      const usual = this.usualOf(wait);
      const late = [...wait.pending].filter((trainer) => {
        const silence = now - Math.max(wait.since, this.lastProgress(trainer, now));
        const state = this.progress.get(trainer);
        if (state && !state.warned && !wait.stalled && silence >= warningOf(usual, this.options.limits)) {
          state.warned = true;
          this.options.warn(`${trainer.name}: ${describe(silence, usual)}`);
        }
        return silence >= deadlineOf(usual, this.options.limits);
      });
      if (late.length === 0 || wait.stalled) continue;
      wait.stalled = true;
      this.options.stalled(late, describe(deadlineOf(usual, this.options.limits), usual));
    }
  }

  private usualOf({ awaited, amount }: Wait): number | undefined {
    const { milliseconds } = this.usual[awaited];
    return milliseconds === undefined ? undefined : milliseconds * amount;
  }

  /** Returns the time at which the watchdog last saw a new message from or to the trainer. */
  private lastProgress(trainer: Trainer, now: number): number {
    const { messages } = trainer.channel.traffic;
    const before = this.progress.get(trainer);
    if (before?.messages === messages) return before.at;
    this.progress.set(trainer, { messages, at: now, warned: false });
    return now;
  }
}

function describe(silence: number, usual: number | undefined): string {
  const compared = usual === undefined ? '' : ` (usually ${(usual / 1000).toPrecision(2)} s)`;
  return `no progress for ${Math.round(silence / 1000)} s${compared}`;
}

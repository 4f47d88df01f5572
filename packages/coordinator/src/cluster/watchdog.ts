import type { Clock, Timer } from '@prunegrid/core/runtime';
import { deadlineOf, UsualTime, type WaitLimits, warningOf } from '@prunegrid/core/wait-limits';

import type { Trainer } from './trainer.js';

const TICK_MS = 1000;
/** Milliseconds within which a trainer answers Release that was not in the middle of a long computation. */
const ANSWER_MS = 2000;
/** How many times as long as its longest computation so far a trainer may take until it answers Release. */
const ANSWER_FACTOR = 2;

/**
 * Kind of a wait, which determines its unit of time: `steps` are timed per round, `gradient` per micro-batch, `evaluation`
 * per block of images, and `messages` per message.
 */
export type Awaited = 'steps' | 'gradient' | 'evaluation' | 'messages';

/** How long a job's waits have taken so far. The groups of a job, one after the other, learn it together. */
export class WaitTimes {
  readonly usual: Record<Awaited, UsualTime> = {
    ...{ steps: new UsualTime(), gradient: new UsualTime() },
    ...{ evaluation: new UsualTime(), messages: new UsualTime() },
  };
  /** The first steps of a phase, in which engines compile. */
  readonly firstSteps = new UsualTime();
  /** Longest wait for steps and for evaluations, in milliseconds. */
  readonly longest: Partial<Record<'steps' | 'evaluation', number>> = {};
}

/** One wait for answers of some trainers. Times are in milliseconds of `Watchdog.now`. */
interface Wait {
  readonly awaited: Awaited;
  readonly amount: number;
  readonly since: number;
  /** Whether it is for the first steps of a phase, or for what precedes them. */
  readonly isFirst: boolean;
  /** Trainers whose answers have not arrived. */
  readonly pending: Set<Trainer>;
  stalled: boolean;
}

export interface WatchdogOptions {
  clock: Clock;
  limits: WaitLimits;
  times: WaitTimes;
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
  private readonly waits = new Set<Wait>();
  private readonly progress = new Map<Trainer, { messages: number; at: number; warned: boolean }>();
  private readonly ticks: Timer;
  /** Whether the trainers have been given a phase of which no steps are done yet. */
  private fresh = true;
  private looked: number;
  /** Milliseconds for which this process itself was stopped. Nobody else was silent for that. */
  private asleep = 0;

  constructor(private readonly options: WatchdogOptions) {
    this.looked = options.clock.monotonic();
    this.ticks = options.clock.every(TICK_MS, () => this.look());
  }

  /** Must be called when trainers are given a phase. Before its first steps, engines may compile. */
  beginPhase(): void {
    this.fresh = true;
  }

  /**
   * Starts a wait for `trainers`.
   * @param amount number of rounds or blocks for which this wait lasts
   */
  begin(trainers: readonly Trainer[], awaited: Awaited, amount: number): Wait {
    const isFirst = this.fresh && awaited !== 'evaluation';
    const pending = new Set(trainers);
    const wait = { awaited, amount: Math.max(1, amount), since: this.now(), isFirst, pending, stalled: false };
    this.waits.add(wait);
    return wait;
  }

  /** Ends a wait, because all answers have arrived or because no more will. */
  end(wait: Wait, succeeded: boolean): void {
    this.waits.delete(wait);
    if (!succeeded) return;
    const { times } = this.options;
    const { awaited, amount, isFirst } = wait;
    const milliseconds = this.now() - wait.since;
    if (awaited === 'steps') this.fresh = false;
    // Engines compile for the first steps and the first gradient of a phase.
    if (!isFirst || awaited === 'messages') times.usual[awaited].add(milliseconds / amount);
    else if (awaited === 'steps') times.firstSteps.add(milliseconds);
    if (awaited === 'steps' || awaited === 'evaluation') {
      times.longest[awaited] = Math.max(times.longest[awaited] ?? 0, milliseconds);
    }
  }

  /** Milliseconds within which a trainer answers Release that is alive and was waited for in this way. */
  answerDeadline(awaited: Awaited): number {
    const { times, limits } = this.options;
    const { longest, firstSteps } = times;
    const busy = awaited === 'evaluation' ? longest.evaluation : longest.steps;
    if (busy === undefined) return limits.firstDeadlineMs;
    return Math.max(ANSWER_MS, ANSWER_FACTOR * busy, this.fresh ? ANSWER_FACTOR * (firstSteps.milliseconds ?? 0) : 0);
  }

  close(): void {
    this.ticks.cancel();
  }

  /** Milliseconds of the monotonic clock, without the time for which this process was stopped. */
  private now(): number {
    return this.options.clock.monotonic() - this.asleep;
  }

  private look(): void {
    const passed = this.options.clock.monotonic() - this.looked;
    this.looked += passed;
    if (passed > 3 * TICK_MS) this.asleep += passed - TICK_MS;
    const now = this.now();
    const { limits } = this.options;
    for (const wait of this.waits) {
      const usual = this.usualOf(wait);
      const late = [...wait.pending].filter((trainer) => {
        const silence = now - Math.max(wait.since, this.lastProgress(trainer, now));
        const state = this.progress.get(trainer);
        if (state && !state.warned && !wait.stalled && silence >= warningOf(usual, limits)) {
          state.warned = true;
          this.options.warn(`${trainer.name}: ${describe(silence, usual)}`);
        }
        return silence >= deadlineOf(usual, limits);
      });
      if (late.length === 0 || wait.stalled) continue;
      wait.stalled = true;
      this.options.stalled(late, describe(deadlineOf(usual, limits), usual));
    }
  }

  private usualOf({ awaited, amount, isFirst }: Wait): number | undefined {
    const { usual, firstSteps } = this.options.times;
    if (isFirst) return firstSteps.milliseconds;
    const { milliseconds } = usual[awaited];
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

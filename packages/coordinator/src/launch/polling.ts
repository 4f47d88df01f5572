import type { Clock } from '@prunegrid/core/runtime';

import type { LaunchEvent } from './launcher.js';

/** Milliseconds from one look at a cluster's engine to the next: few after a change, and then more and more. */
const SOONEST_LOOK_MS = 1000;
const LATEST_LOOK_MS = 30_000;
/** Silent looks after which the user is told. */
const SILENT_LOOKS = 4;

/** A cluster's engine does not answer for the moment, as while it is restarted. The same request may succeed later. */
export class EngineSilent extends Error {
  override readonly name = 'EngineSilent';
}

/** What is asked of a cluster's engine. Each may reject with EngineSilent. */
export interface Asking {
  /** Done once, before anything is asked. */
  prepare(): Promise<void>;
  /** Done once, as soon as the engine answers. */
  begin(): Promise<void>;
  /** Done again and again. */
  look(): Promise<void>;
  /** Called with the reason when the engine has been silent for some time. */
  silent(reason: string): void;
  /** Called when one of these has rejected with another error. Nothing is asked any more. */
  failed(error: unknown): void;
}

/** Asks a cluster's engine how trainers stand: soon after a change, and then ever more rarely. */
export class Polling {
  private pauseMs = SOONEST_LOOK_MS;
  private isChanged = false;
  private wake: () => void = () => undefined;
  private hasStopped = false;
  private readonly ended: Promise<void>;

  /** @param latestMs milliseconds between two looks at most */
  constructor(
    private readonly clock: Pick<Clock, 'sleep'>,
    private readonly asking: Asking,
    private readonly latestMs = LATEST_LOOK_MS,
  ) {
    this.ended = this.run().catch((error: unknown) => asking.failed(error));
  }

  get isStopped(): boolean {
    return this.hasStopped;
  }

  /** Has the next look come soon, since something has changed. */
  soon(): void {
    this.pauseMs = SOONEST_LOOK_MS;
  }

  /** Has the next look come at once, since something is due. */
  now(): void {
    this.isChanged = true;
    this.wake();
  }

  /** Resolves when the last look is over. Never rejects. */
  stop(): Promise<void> {
    this.hasStopped = true;
    this.wake();
    return this.ended;
  }

  private async run(): Promise<void> {
    const { asking } = this;
    // The caller's constructor is still at work.
    await Promise.resolve();
    await asking.prepare();
    let hasBegun = false;
    for (let silent = 0; !this.isStopped;) {
      this.isChanged = false;
      try {
        if (!hasBegun) await asking.begin();
        hasBegun = true;
        await asking.look();
        silent = 0;
      } catch (error) {
        if (!(error instanceof EngineSilent)) throw error;
        if (++silent === SILENT_LOOKS) asking.silent(error.message);
      }
      if (this.isChanged && silent === 0) continue;
      await this.pause();
    }
  }

  private async pause(): Promise<void> {
    if (this.isStopped) return;
    const woken = new AbortController();
    this.wake = () => woken.abort();
    await this.clock.sleep(this.pauseMs, woken.signal).catch(() => undefined);
    this.pauseMs = Math.min(2 * this.pauseMs, this.latestMs);
  }
}

/** How many trainers wait, and for what. */
export type Waiting = Omit<Extract<LaunchEvent, { type: 'waiting' }>, 'type'>;

/** Tells why trainers wait, once for each number and reason. */
export class WaitingNotice {
  private told = '';

  constructor(private readonly onEvent: (event: LaunchEvent) => void) {}

  /** @param waiting undefined if no trainer waits */
  tell(waiting: Waiting | undefined): void {
    const now = waiting ? `${waiting.trainers} ${waiting.reason}` : '';
    if (waiting && now !== this.told) this.onEvent({ type: 'waiting', ...waiting });
    this.told = now;
  }
}

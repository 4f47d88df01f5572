import type { Host, Timer } from '@prunegrid/core/runtime';
import type { Journal } from '../journal/journal.js';
import type { RunEvent } from '../training/records.js';
import type { SweepEvent } from '../sweep/records.js';
import { trackingAddress, type Environment } from './address.js';
import { patientBackoff, pauseMs, uniformOf } from './backoff.js';
import { MlflowClient } from './client.js';
import { MlflowUnavailable } from './failures.js';
import { runMapping } from './mapping.js';
import { holdSendingLock } from './sending-lock.js';
import { SweepTransfer, type SweepTransferOptions } from './sweep-transfer.js';
import { Transfer, type TransferOptions } from './transfer.js';

export interface MirrorOptions<Event extends { type: string } = RunEvent> {
  /** The server's address, as the user gave it. */
  url: string;
  /** The experiment's name. */
  experiment: string;
  /** The run's or the sweep's folder, which holds the journal and the cursor. */
  folder: string;
  journal: Journal<Event>;
  /** Shows one line to the user. */
  warn: (line: string) => void;
  environment: Environment;
  /** How long records gather before they are sent together, in milliseconds. */
  gatherMs?: number;
  runtime: Host;
}

export type SweepMirrorOptions = MirrorOptions<SweepEvent> & Pick<SweepTransferOptions, 'sweepFiles'>;

export type DrainOutcome = { state: 'sent' } | { state: 'behind'; reason: string };

export interface Mirror {
  /**
   * Waits until MLflow has everything that is in the journal, for `timeoutMs` milliseconds at most, and stops. If something
   * is left, it warns how to send it later. Never rejects.
   */
  drain(timeoutMs: number): Promise<DrainOutcome>;
  /** Ends the mirror at once, and the requests that are under way. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Sends a run to MLflow while it is running, in the background of this process. Training never waits: the mirror reads
 * the journal's file at its own pace, holds a bounded number of records, and keeps trying while the server is away,
 * which costs the user one line.
 *
 * Throws a `Failure` at once for an address that is not http or https. Everything else is a warning.
 */
export function startMirror(options: MirrorOptions): Mirror {
  return new BackgroundMirror(options, 'run', runOutbox);
}

/**
 * Sends a sweep to MLflow while it is running: one mirror sends the sweep's journal and those of all runs in its folder. Call `drain`
 * after the last record of the last run. Throws as `startMirror` does.
 */
export function startSweepMirror({ sweepFiles, ...options }: SweepMirrorOptions): Mirror {
  return new BackgroundMirror(options, 'sweep', (transferOptions) => sweepOutbox({ ...transferOptions, sweepFiles }));
}

/** What a mirror sends. */
interface Outbox {
  /**
   * Sends all that there is. `final` says that nothing comes after it. Resolves to whether there may be more of which the mirror's
   * journal says nothing.
   */
  send(final: boolean): Promise<boolean>;
  /** Starts again from the cursors: the server may have lost what it had been sent, or taken only a part of it. */
  forget(): Promise<void>;
}

function runOutbox(options: TransferOptions): Outbox {
  let transfer: Transfer<RunEvent, null> | null = null;
  return {
    async send() {
      transfer ??= await Transfer.open(options, runMapping);
      await transfer?.sendAll();
      return false;
    },
    forget() {
      transfer = null;
      return Promise.resolve();
    },
  };
}

function sweepOutbox(options: SweepTransferOptions): Outbox {
  const transfer = new SweepTransfer(options);
  return {
    send: async (final) => (await transfer.sendAll({ files: final }))?.live ?? false,
    forget: () => transfer.forget(),
  };
}

/** The first pause while the server is away, and the longest one, in milliseconds. */
const outage = { firstDelayMs: 1_000, maxDelayMs: 30_000 };
/** The same while somebody waits for the end. */
const outageAtEnd = { ...outage, maxDelayMs: 1_000 };

class BackgroundMirror<Event extends { type: string }> implements Mirror {
  private readonly aborter = new AbortController();
  private readonly url: string;
  private readonly outbox: Outbox;
  private readonly unsubscribe: () => void;
  private readonly finished: Promise<void>;
  private lock: { release(): Promise<void> } | null = null;
  /** The journal may hold more than has been sent. */
  private behind = true;
  private draining = false;
  private failures = 0;
  private reason: string | null = null;
  private warned = false;
  private readonly random: () => number;
  /** Ends the pause that is under way. */
  private wake: () => void = () => undefined;

  constructor(
    private readonly options: MirrorOptions<Event>,
    private readonly what: 'run' | 'sweep',
    outboxOf: (options: TransferOptions) => Outbox,
  ) {
    const { url, experiment, folder, journal, warn, environment, runtime } = options;
    this.random = uniformOf(runtime);
    // The mirror's own loop tries again, and leaves off when it is stopped, so a request is made once.
    const backoff = { ...patientBackoff(runtime), attempts: 1 };
    const { clock } = runtime;
    const client = new MlflowClient(trackingAddress(url, environment), { clock, backoff, signal: this.aborter.signal });
    this.url = client.url;
    this.outbox = outboxOf({ client, folder, experiment, warn, runtime });
    this.unsubscribe = journal.subscribe(() => {
      const idle = !this.behind;
      this.behind = true;
      if (idle) this.wake();
    });
    this.finished = this.loop();
  }

  async drain(timeoutMs: number): Promise<DrainOutcome> {
    this.draining = true;
    // The journal does not say when files have come.
    this.behind = true;
    this.wake();
    const over = new AbortController();
    const sent = await Promise.race([
      this.finished.then(() => !this.stopped),
      // The process is kept alive for it: the mirror's own pauses do not do that.
      this.options.runtime.clock.sleep(timeoutMs, over.signal).then(
        () => false,
        () => false,
      ),
    ]);
    over.abort();
    await this.stop();
    if (sent) return { state: 'sent' };
    const reason = this.reason ?? `MLflow at ${this.url} has not taken everything in time`;
    this.options.warn(`${reason}; \`prunegrid sync ${this.options.folder}\` sends the rest of the ${this.what} later`);
    return { state: 'behind', reason };
  }

  async stop(): Promise<void> {
    this.unsubscribe();
    this.aborter.abort();
    this.wake();
    await this.finished;
  }

  private get stopped(): boolean {
    return this.aborter.signal.aborted;
  }

  private async loop(): Promise<void> {
    const { gatherMs = 2_000 } = this.options;
    while (!this.stopped && !(this.draining && !this.behind)) {
      if (!this.behind) await this.pause(null);
      if (!this.draining && !this.stopped) await this.pause(gatherMs);
      if (!this.stopped) await this.attempt();
    }
    await this.outbox.forget();
    await this.lock?.release().catch(() => undefined);
  }

  private async attempt(): Promise<void> {
    // A record that comes while the last ones are being sent sets it again.
    this.behind = false;
    try {
      this.lock ??= await holdSendingLock(this.options.runtime, this.options.folder);
      const more = await this.outbox.send(this.draining);
      // Once it drains, nothing comes any more.
      if (more && !this.draining) this.behind = true;
      this.failures = 0;
      this.reason = null;
    } catch (error) {
      this.behind = true;
      if (this.stopped) return;
      this.say(error);
      const away = error instanceof MlflowUnavailable ? error : null;
      // A server that was not merely away may have lost the run: look for it again.
      if (away === null) await this.outbox.forget();
      this.failures += 1;
      const backoff = this.draining ? outageAtEnd : outage;
      await this.pause(pauseMs({ ...backoff, random: this.random }, this.failures, away?.retryAfterMs ?? null));
    }
  }

  /** A server that comes and goes is worth one line in all, not one each time. */
  private say(error: unknown): void {
    this.reason = error instanceof Error ? error.message : String(error);
    if (!this.warned) this.options.warn(`${this.reason}; training goes on and the mirror keeps trying`);
    this.warned = true;
  }

  /** Waits until `wake` is called, or for so many milliseconds if they are given. An idle mirror keeps no process alive. */
  private async pause(milliseconds: number | null): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (milliseconds !== null) timer = this.options.runtime.clock.after(milliseconds, resolve);
    });
    timer?.cancel();
  }
}

import type { Host, Timer } from '@prunegrid/core/runtime';
import type { Journal } from '../journal/journal.js';
import type { RunEvent } from '../training/records.js';
import type { SweepEvent } from '../sweep/records.js';
import { trackingAddress, type Environment } from './address.js';
import { patientBackoff, pauseMs, uniformOf } from './backoff.js';
import { MlflowClient } from './client.js';
import { MlflowUnavailable } from './failures.js';
import { runMapping, type RunState } from './mapping.js';
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
  /** How long records are collected before they are sent together, in milliseconds. */
  gatherMs?: number;
  runtime: Host;
}

export type SweepMirrorOptions = MirrorOptions<SweepEvent> & Pick<SweepTransferOptions, 'sweepFiles'>;

export type DrainOutcome = { state: 'sent' } | { state: 'behind'; reason: string };

export interface Mirror {
  /**
   * Waits until MLflow has received everything in the journal, for at most `timeoutMs` milliseconds, and stops the
   * mirror. If something was not sent, a warning says how to send it later. It never rejects.
   */
  drain(timeoutMs: number): Promise<DrainOutcome>;
  /** Stops the mirror and its current requests at once. It never rejects. */
  stop(): Promise<void>;
}

/**
 * Sends a run to MLflow while it runs, in the background of this process. Training never waits for it: the mirror reads
 * the journal's file independently, holds a bounded number of records, and retries while the server is unreachable,
 * which causes only one line of output.
 *
 * Throws a `Failure` immediately if the address is not http or https. Every later problem is a warning.
 */
export function startMirror(options: MirrorOptions): Mirror {
  return new BackgroundMirror(options, 'run', runOutbox);
}

/**
 * Sends a sweep to MLflow while it runs. One mirror sends the sweep's journal and those of all runs in its folder.
 * `drain` must be called after the last record of the last run. It throws the same errors as `startMirror`.
 */
export function startSweepMirror({ sweepFiles, ...options }: SweepMirrorOptions): Mirror {
  return new BackgroundMirror(options, 'sweep', (transferOptions) => sweepOutbox({ ...transferOptions, sweepFiles }));
}

/** The data that a mirror sends. */
interface Outbox {
  /**
   * Sends everything that is available. `final` says that nothing follows. Resolves to whether there may be more data
   * that the mirror's journal does not announce.
   */
  send(final: boolean): Promise<boolean>;
  /** Restarts from the cursors, because the server may have lost what it received or accepted only a part of it. */
  forget(): Promise<void>;
}

function runOutbox(options: TransferOptions): Outbox {
  let transfer: Transfer<RunEvent, RunState> | null = null;
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

/** The first and the longest pause while the server is unreachable, in milliseconds. */
const outage = { firstDelayMs: 1_000, maxDelayMs: 30_000 };
/** The pauses while a user waits for the end, in milliseconds. */
const outageAtEnd = { ...outage, maxDelayMs: 1_000 };

class BackgroundMirror<Event extends { type: string }> implements Mirror {
  private readonly aborter = new AbortController();
  private readonly url: string;
  private readonly outbox: Outbox;
  private readonly unsubscribe: () => void;
  private readonly finished: Promise<void>;
  private lock: { release(): Promise<void> } | null = null;
  /** Whether the journal may hold more records than have been sent. */
  private behind = true;
  private draining = false;
  private failures = 0;
  private reason: string | null = null;
  private warned = false;
  private readonly random: () => number;
  /** Ends the current pause. */
  private wake: () => void = () => undefined;

  constructor(
    private readonly options: MirrorOptions<Event>,
    private readonly what: 'run' | 'sweep',
    outboxOf: (options: TransferOptions) => Outbox,
  ) {
    const { url, experiment, folder, journal, warn, environment, runtime } = options;
    this.random = uniformOf(runtime);
    // The mirror's own loop retries, and ends when the mirror is stopped, so each request is made only once.
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
    // The journal does not announce new files, so they must be looked for.
    this.behind = true;
    this.wake();
    const over = new AbortController();
    const sent = await Promise.race([
      this.finished.then(() => !this.stopped),
      // This timer keeps the process alive, which the mirror's own pauses do not.
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
    // A record that arrives while earlier ones are being sent sets the flag again.
    this.behind = false;
    try {
      this.lock ??= await holdSendingLock(this.options.runtime, this.options.folder);
      const more = await this.outbox.send(this.draining);
      // While the mirror drains, no further records arrive.
      if (more && !this.draining) this.behind = true;
      this.failures = 0;
      this.reason = null;
    } catch (error) {
      this.behind = true;
      if (this.stopped) return;
      this.say(error);
      const away = error instanceof MlflowUnavailable ? error : null;
      // A server that answers with an error may have lost the run, so the run is searched for again.
      if (away === null) await this.outbox.forget();
      this.failures += 1;
      const backoff = this.draining ? outageAtEnd : outage;
      await this.pause(pauseMs({ ...backoff, random: this.random }, this.failures, away?.retryAfterMs ?? null));
    }
  }

  /** Only the first interruption is reported, even if the server becomes unreachable several times. */
  private say(error: unknown): void {
    this.reason = error instanceof Error ? error.message : String(error);
    if (!this.warned) this.options.warn(`${this.reason}; training goes on and the mirror keeps trying`);
    this.warned = true;
  }

  /**
   * Waits until `wake` is called, or for the given number of milliseconds. The wait alone does not keep the process
   * alive.
   */
  private async pause(milliseconds: number | null): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (milliseconds !== null) timer = this.options.runtime.clock.after(milliseconds, resolve);
    });
    timer?.cancel();
  }
}

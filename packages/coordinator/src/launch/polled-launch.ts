import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';

import type { Launch, LaunchEvent, LaunchRequest } from './launcher.js';
import { Polling, WaitingNotice } from './polling.js';
import { addressFile } from './trainer-command.js';

/** Trainers as jobs of a cluster's engine, which is asked again and again how they stand. */
export abstract class PolledLaunch implements Launch {
  protected readonly waiting = new WaitingNotice((event) => this.emit(event));
  /** Undefined if no trainer was asked for. It asks nothing before the constructors have ended. */
  protected readonly polling: Polling | undefined;
  private stopped: Promise<void> | undefined;

  /**
   * @param engine its name in messages
   * @param latestLookMs milliseconds between two looks at most
   */
  constructor(
    protected readonly host: Host,
    protected readonly request: LaunchRequest,
    private readonly engine: string,
    latestLookMs?: number,
  ) {
    if (request.trainers === 0) return;
    const asking = {
      prepare: () => this.prepare(),
      begin: () => this.cancelLeftOver(),
      look: async () => {
        await this.submit();
        await this.look();
      },
      silent: (reason: string) => this.waiting.tell({ trainers: this.count, reason }),
      failed: (error: unknown) => this.refuseAll(this.refusalOf(error)),
    };
    this.polling = new Polling(host.clock, asking, latestLookMs);
  }

  abstract replace(): void;

  stop(graceMs: number): Promise<void> {
    return (this.stopped ??= this.end(graceMs).catch(() => undefined));
  }

  /** Number of trainers that have not ended, submitted or not. */
  protected abstract readonly count: number;
  /** Writes what trainers read. */
  protected abstract prepare(): Promise<void>;
  /** Ends what a coordinator that was killed has left. Its trainers would find nobody. */
  protected abstract cancelLeftOver(): Promise<void>;
  /** Submits the trainers that are due. */
  protected abstract submit(): Promise<void>;
  /** Follows the trainers that were submitted. */
  protected abstract look(): Promise<void>;
  /** Tells that none of the trainers will ever start. */
  protected abstract refuseAll(failure: Failure): void;
  /** Waits `graceMs` milliseconds for jobs to end, and ends those that are left. */
  protected abstract endAll(graceMs: number): Promise<void>;

  protected get isStopped(): boolean {
    return this.stopped !== undefined;
  }

  protected emit(event: LaunchEvent): void {
    if (!this.isStopped) this.request.onEvent(event);
  }

  protected refusalOf(error: unknown): Failure {
    if (error instanceof Failure) return error;
    return new Failure('environment', `${this.engine}: ${(error as Error).message}`, { cause: error });
  }

  private async end(graceMs: number): Promise<void> {
    await this.polling?.stop();
    await this.endAll(graceMs);
    await this.host.files.remove(addressFile(this.request));
  }
}

import { Failure } from '@prunegrid/trainer/failure';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Recorded } from '../journal/records.js';
import { Broker } from '../sweep/broker.js';
import { lockSweep, readSweepFile } from '../sweep/folder.js';
import { beginning, type OpenSweep, openSweep, perform } from '../sweep/perform.js';
import type { SweepEvent } from '../sweep/records.js';
import { endEntry, isQueued, listEntries, type QueueEntry, readEntry } from './folder.js';
import { nextSweeps } from './order.js';

/** A sweep of the queue as the server sees it. */
export interface ServedSweep {
  /** Its entry's name. */
  entry: string;
  folder: string;
  user: string;
  name: string;
  /** `ended` where its entry is about to go. */
  status: 'queued' | 'active' | 'ended';
  /** While it is active. */
  open?: OpenSweep;
}

export interface ServerOptions {
  /** The queue's folder, locked by the caller. */
  queue: string;
  /** At work at the same time, over all sweeps. */
  trainers: number;
  /** Active at the same time, one of each user at most. Each has as many trainer processes as may be at work. */
  maxSweeps: number;
  /** Ends all work at the next step. */
  signal: AbortSignal;
  /** Sees each record of an active sweep after its state has taken it in. */
  onEvent: (sweep: ServedSweep & { open: OpenSweep }, record: Recorded<SweepEvent>) => void;
  /** Called when a sweep has come, ended or gone. */
  onChange: (sweeps: readonly ServedSweep[]) => void;
  warn: (line: string) => void;
}

interface Known extends ServedSweep {
  options: QueueEntry;
  controller: AbortController;
}

/** How often the server looks into the queue, in milliseconds. */
const LOOK_MS = 1000;
/** Time for local trainers to come, in seconds. */
const WAIT_S = 120;

/**
 * Works on the sweeps of a queue until `signal` aborts; then the entries of those that have not ended are still there, for the next server. What
 * is wrong with one sweep or entry is a warning and keeps no other one back.
 */
export class SweepServer {
  private readonly sweeps = new Map<string, Known>();
  private readonly broker: Broker;
  private readonly working = new Set<Promise<void>>();
  /** The latest warning of each entry, given once. */
  private readonly warnings = new Map<string, string>();

  constructor(private readonly options: ServerOptions) {
    this.broker = new Broker(options.trainers);
  }

  async serve(): Promise<void> {
    const { signal } = this.options;
    const end = () => this.sweeps.forEach(({ controller }) => controller.abort(signal.reason));
    signal.addEventListener('abort', end);
    while (!signal.aborted) {
      await this.look();
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
    end();
    await Promise.all(this.working);
  }

  private async look(): Promise<void> {
    const { queue, maxSweeps, signal } = this.options;
    let entries: string[];
    try {
      entries = await listEntries(queue);
    } catch (error) {
      // A file system that is away for a while: nothing was taken out.
      return this.warnOnce('', error);
    }
    this.warnings.delete('');
    for (const sweep of this.sweeps.values()) {
      if (entries.includes(sweep.entry)) continue;
      if (sweep.status === 'active') sweep.controller.abort(new Failure('interrupted', 'taken out of the queue'));
      else this.sweeps.delete(sweep.entry);
    }
    for (const entry of entries) if (!this.sweeps.has(entry)) await this.add(entry);
    this.broker.retain(new Set([...this.sweeps.values()].map(({ user }) => user)));
    for (const sweep of nextSweeps([...this.sweeps.values()], maxSweeps)) {
      if (signal.aborted) break;
      sweep.status = 'active';
      const work = this.work(sweep).finally(() => this.working.delete(work));
      this.working.add(work);
    }
    this.options.onChange([...this.sweeps.values()]);
  }

  private async add(entry: string): Promise<void> {
    const place = { folder: this.options.queue, entry };
    try {
      const options = await readEntry(place);
      const { user, name } = (await readSweepFile(options.sweep)).manifest;
      const controller = new AbortController();
      this.sweeps.set(entry, { entry, folder: options.sweep, user, name, status: 'queued', options, controller });
    } catch (error) {
      if (await isQueued(place)) this.warnOnce(entry, error);
    }
  }

  /** Never rejects. */
  private async work(sweep: Known): Promise<void> {
    const { queue, signal, warn } = this.options;
    let lock: Awaited<ReturnType<typeof lockSweep>>;
    try {
      lock = await lockSweep(sweep.folder);
    } catch (error) {
      // Looked at again until it is free.
      sweep.status = 'queued';
      return this.warnOnce(sweep.entry, error);
    }
    try {
      await this.carryOut(sweep);
    } catch (error) {
      if (!sweep.controller.signal.aborted) warn(`${sweep.folder}: ended before its time: ${messageOf(error)}`);
    } finally {
      delete sweep.open;
      sweep.status = 'ended';
      await lock.release();
    }
    // What the server's own end has interrupted stays in the queue.
    if (signal.aborted) return;
    await endEntry({ folder: queue, entry: sweep.entry }).catch((error: unknown) => warn(messageOf(error)));
  }

  private async carryOut(sweep: Known): Promise<void> {
    const { trainers, onEvent, warn } = this.options;
    const { folder, options, controller } = sweep;
    const { signal } = controller;
    const open = await openSweep(folder, await readSweepFile(folder));
    // A server that was killed just then had not come to ending the entry.
    if (open.state.ended || signal.aborted) return open.journal.close();
    sweep.open = open;
    const interrupted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    interrupted.catch(() => undefined);
    await perform(open, beginning(open), {
      trainers: { trainers, external: 0, listen: '127.0.0.1:0', wait: WAIT_S },
      broker: this.broker,
      maxConcurrent: options.maxConcurrent ?? Infinity,
      retries: options.retries,
      failFast: options.failFast,
      mlflow: options.mlflow,
      signal,
      interrupted,
      onEvent: (record) => onEvent({ ...sweep, open }, record),
      warn: (line) => warn(`${folder}: ${line}`),
      onProgress: () => undefined,
    });
  }

  private warnOnce(entry: string, error: unknown): void {
    const line = messageOf(error);
    if (this.warnings.get(entry) !== line) this.options.warn(line);
    this.warnings.set(entry, line);
  }
}

const messageOf = (error: unknown): string => (error instanceof Failure ? error.message : String(error));

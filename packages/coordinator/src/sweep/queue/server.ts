import { Failure } from '@prunegrid/core/failure';
import type { HeldLock } from '@prunegrid/core/locks/file-lock';

import type { Recorded } from '../../journal/encoding.js';
import { lockSweep, readSweepFile } from '../folder.js';
import {
  beginning,
  type OpenSweep,
  openSweep,
  runSweep,
  type SweepResources,
  type SweepSubscriber,
} from '../scheduler/sweep.js';
import type { QueuePlace, SweepEvent } from '../records.js';
import type { SweepState } from '../state.js';
import { endEntry, entryFile, isQueued, listEntries, type QueueEntry, readEntry } from './folder.js';
import { nextSweeps, sweepsToPreempt } from './order.js';

/** A sweep of the queue as the server sees it. */
export interface ServedSweep {
  /** Its entry's name. */
  entry: string;
  folder: string;
  user: string;
  name: string;
  /** `preempting` while it gives its place up to another user's sweep, `ended` when its entry is about to go. */
  status: 'queued' | 'active' | 'preempting' | 'ended';
  /** While it is active or being preempted. */
  open?: OpenSweep;
  /** How its trials stand, once this server has worked on it. */
  state?: SweepState;
}

export interface ServerOptions {
  resources: SweepResources;
  /** The queue's folder, locked by the caller. */
  queue: string;
  /** Trainer processes of each active sweep. How many of all are at work at the same time is the scheduler's to say. */
  trainers: number;
  /** Files that the trainers load as extensions: absolute paths. */
  extensions: readonly string[];
  /** Sweeps that are active at the same time, one of each user at most. */
  maxSweeps: number;
  /** Ends all work at the next step. */
  signal: AbortSignal;
  /** What follows a sweep by its journal. */
  subscribersOf: (entry: QueueEntry) => readonly SweepSubscriber[];
  /** Sees each record of an active sweep after its state has taken it in. */
  onEvent: (sweep: ServedSweep & { open: OpenSweep }, record: Recorded<SweepEvent>) => void;
  /** Called when a sweep has come, ended or gone. */
  onChange: (sweeps: readonly ServedSweep[]) => void;
  warn: (line: string) => void;
}

interface KnownSweep extends ServedSweep {
  options: QueueEntry;
  /** Ends its work at the next step. */
  controller: AbortController;
  /** Has it begin nothing more. There is a new one each time that it becomes active. */
  preemption: AbortController;
  /** Whether a trial was begun since it became active. */
  begun: boolean;
  /** It is left alone until this time of the monotonic clock, since it could not be worked on. */
  restsUntil: number;
}

/** How often the server looks into the queue, in milliseconds. */
const LOOK_MS = 1000;
/** How long a sweep is left alone that could not be worked on for a reason which may go away, in milliseconds. */
const REST_MS = 60_000;
/** Time for local trainers to come, in seconds. */
const WAIT_S = 120;

const preempted = new Failure('interrupted', 'preempted: others wait for their turn');

/**
 * Works on the sweeps of a queue until `signal` aborts; then the entries of those that have not ended are still there, for the next server. What
 * is wrong with one sweep or entry is a warning and keeps no other one back. If more users have sweeps than there are places, they take turns.
 */
export class SweepServer {
  private readonly sweeps = new Map<string, KnownSweep>();
  private readonly running = new Set<Promise<void>>();
  /** The latest warning of each entry, which is given once; the queue's own goes by the empty name. */
  private readonly warnings = new Map<string, string>();

  constructor(private readonly options: ServerOptions) {}

  async serve(): Promise<void> {
    const { signal, resources } = this.options;
    const { clock } = resources.runtime;
    const end = () => this.sweeps.forEach(({ controller }) => controller.abort(signal.reason));
    signal.addEventListener('abort', end);
    while (!signal.aborted) {
      await this.readQueue();
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
    end();
    await Promise.all(this.running);
  }

  private async readQueue(): Promise<void> {
    const { queue, signal, resources } = this.options;
    let entries: string[];
    try {
      entries = await listEntries(resources.runtime, queue);
    } catch (error) {
      // A file system that is away for a while: nothing was taken out.
      return this.warnOnce('', error);
    }
    const there = new Set(entries);
    for (const entry of this.warnings.keys()) if (!there.has(entry)) this.warnings.delete(entry);
    for (const sweep of this.sweeps.values()) {
      if (there.has(sweep.entry)) continue;
      const at = sweep.status === 'active' || sweep.status === 'preempting';
      if (at) sweep.controller.abort(new Failure('interrupted', 'taken out of the queue'));
      else this.sweeps.delete(sweep.entry);
    }
    for (const entry of entries) if (!this.sweeps.has(entry)) await this.add(entry);
    if (!signal.aborted) this.takeTurns();
    this.options.onChange([...this.sweeps.values()]);
  }

  private takeTurns(): void {
    const { maxSweeps, resources } = this.options;
    const { runtime, scheduler } = resources;
    const sweeps = [...this.sweeps.values()];
    const users = new Set(sweeps.map(({ user }) => user));
    scheduler.setTenants(users);
    const uses = new Map([...users].map((user) => [user, scheduler.useOf(user)]));
    const use = (user: string) => uses.get(user) ?? 0;
    const able = sweeps.filter(
      ({ status, restsUntil }) => status !== 'queued' || restsUntil <= runtime.clock.monotonic(),
    );
    for (const sweep of sweepsToPreempt(able, maxSweeps, use)) {
      sweep.status = 'preempting';
      sweep.preemption.abort(preempted);
    }
    for (const sweep of nextSweeps(able, maxSweeps, use)) {
      sweep.status = 'active';
      sweep.begun = false;
      sweep.preemption = new AbortController();
      const runSweep = this.work(sweep).finally(() => this.running.delete(runSweep));
      this.running.add(runSweep);
    }
  }

  private async add(entry: string): Promise<void> {
    const { queue, resources } = this.options;
    const { runtime } = resources;
    const place = { folder: queue, entry };
    try {
      const options = await readEntry(runtime, place);
      const { user, name } = (await readSweepFile(runtime, options.sweep).catch(gone(options.sweep, place))).manifest;
      this.sweeps.set(entry, {
        ...{ entry, folder: options.sweep, user, name, options },
        status: 'queued',
        controller: new AbortController(),
        preemption: new AbortController(),
        begun: false,
        restsUntil: -Infinity,
      });
    } catch (error) {
      if (await isQueued(runtime, place)) this.warnOnce(entry, error);
    }
  }

  /** Never rejects. */
  private async work(sweep: KnownSweep): Promise<void> {
    const { entry, folder } = sweep;
    const { queue, signal, resources } = this.options;
    const { runtime } = resources;
    try {
      const lock = await lockSweep(runtime, folder);
      let ended: boolean;
      try {
        ended = await this.runUntilPreempted(sweep, lock);
      } finally {
        delete sweep.open;
        await lock.release();
      }
      this.warnings.delete(entry);
      // What the server's own end has interrupted stays in the queue.
      if (ended && !signal.aborted) await endEntry(runtime, { folder: queue, entry });
      sweep.status = ended ? 'ended' : 'queued';
    } catch (error) {
      sweep.status = 'queued';
      sweep.restsUntil = runtime.clock.monotonic() + REST_MS;
      this.warnOnce(entry, new Failure('environment', `${folder}: will be tried again: ${messageOf(error)}`));
    }
  }

  /** Resolves to false if the sweep was preempted. Throws if it may do better later, as when the disk is full. */
  private async runUntilPreempted(sweep: KnownSweep, lock: HeldLock): Promise<boolean> {
    const { resources, trainers, extensions, onEvent, warn } = this.options;
    const { runtime } = resources;
    const { folder, options, controller, preemption } = sweep;
    const { signal } = controller;
    const open = await openSweep(runtime, folder, await readSweepFile(runtime, folder), lock);
    const { state, journal } = open;
    // A server that was killed just then had not come to ending the entry.
    if (state.ended || signal.aborted) {
      await journal.close();
      return true;
    }
    sweep.open = open;
    sweep.state = state;
    const interrupted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    interrupted.catch(() => undefined);
    try {
      await runSweep(open, beginning(open), {
        resources,
        trainers: { trainers, external: 0, listen: '127.0.0.1:0', wait: WAIT_S, reduction: 'auto', extensions },
        maxConcurrent: options.maxConcurrent ?? Infinity,
        retries: options.retries,
        failFast: options.failFast,
        subscribers: this.options.subscribersOf(options),
        signal,
        preemption: preemption.signal,
        interrupted,
        onEvent: (record) => {
          sweep.begun ||= record.type === 'trial-started';
          onEvent({ ...sweep, open }, record);
        },
        warn: (line) => warn(`${folder}: ${line}`),
        onProgress: () => undefined,
      });
    } catch (error) {
      if (error === preempted) return false;
      if (signal.aborted) return true;
      const failedFast = options.failFast && state.count('failed') > 0;
      if (mayPass(error) && !failedFast) throw error;
      warn(`${folder}: ended before its time: ${messageOf(error)}`);
    }
    return true;
  }

  private warnOnce(entry: string, error: unknown): void {
    const line = messageOf(error);
    if (this.warnings.get(entry) !== line) this.options.warn(line);
    this.warnings.set(entry, line);
  }
}

const gone = (sweep: string, place: QueuePlace) => (cause: unknown) => {
  const remedy = `bring it back, or remove ${entryFile(place)}`;
  throw new Failure('input', `${sweep}: is in the queue, but holds no sweep that can be read: ${remedy}`, { cause });
};

const mayPass = (error: unknown): boolean =>
  error instanceof Failure && (error.kind === 'environment' || error.kind === 'trainers');

const messageOf = (error: unknown): string => (error instanceof Failure ? error.message : String(error));

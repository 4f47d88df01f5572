import { Failure } from '@prunegrid/core/failure';
import type { HeldLock } from '@prunegrid/core/locks/file-lock';

import type { ExtensionFile } from '../../experiment/extension-files.js';
import type { Recorded } from '../../journal/encoding.js';
import { lockSweep, readOwnedSweep } from '../folder.js';
import {
  beginning,
  type OpenSweep,
  openSweep,
  runSweep,
  type SweepResources,
  type SweepSubscriber,
} from '../scheduler/sweep.js';
import type { ChosenLauncher } from '../../launch/index.js';
import type { SweepPlan } from '../planner/plan.js';
import type { QueuePlace, SweepEvent } from '../records.js';
import type { SweepState } from '../state.js';
import {
  endEntry,
  entryFile,
  isQueued,
  listEntries,
  type QueueEntry,
  readEntry,
  requireNoModules,
  requireOwner,
} from './folder.js';
import { nextSweeps, sweepsToPreempt } from './order.js';

/** What the server knows of one sweep in its queue. */
export interface ServedSweep {
  /** Name of the sweep's queue entry. */
  entry: string;
  folder: string;
  user: string;
  name: string;
  /** The status is `preempting` until a preempted sweep has stopped, and `ended` until its entry is removed. */
  status: 'queued' | 'active' | 'preempting' | 'ended';
  /** The open sweep, present while the sweep is active or being preempted. */
  open?: OpenSweep;
  /** State of the sweep's trials, present after this server has first run the sweep. */
  state?: SweepState;
}

export interface ServerOptions {
  resources: SweepResources;
  /** The queue's folder, locked by the caller. */
  queue: string;
  /** Trainer processes of each active sweep. The scheduler limits how many of them work at the same time. */
  trainers: number;
  /** Returns how the trainers of a sweep are started. Throws Failure `input` if the sweep asks for what there is not. */
  launchOf: (plan: SweepPlan) => ChosenLauncher;
  /** The extensions that this process has loaded, and that the trainers load. */
  extensions: readonly ExtensionFile[];
  /** Most sweeps that are active at the same time. Each user has at most one of them. */
  maxSweeps: number;
  /** Ends all work at the next step. */
  signal: AbortSignal;
  /** Returns the subscribers to the journal of a sweep. */
  subscribersOf: (entry: QueueEntry) => readonly SweepSubscriber[];
  /** Called with each record of an active sweep, after the sweep's state has been updated with it. */
  onEvent: (sweep: ServedSweep & { open: OpenSweep }, record: Recorded<SweepEvent>) => void;
  /** Called after each reading of the queue, with all its sweeps. */
  onChange: (sweeps: readonly ServedSweep[]) => void;
  warn: (line: string) => void;
}

interface KnownSweep extends ServedSweep {
  options: QueueEntry;
  /** Ends the sweep's jobs at the next step. */
  controller: AbortController;
  /** Stops the sweep from starting more jobs. A new one is created whenever the sweep becomes active. */
  preemption: AbortController;
  /** Whether a trial has started since the sweep became active. */
  begun: boolean;
  /** Milliseconds of the monotonic clock until which the sweep is not tried again, because its last run has failed. */
  restsUntil: number;
}

/** Milliseconds between two readings of the queue. */
const LOOK_MS = 1000;
/** Milliseconds before a sweep is tried again after a failure that may be temporary. */
const REST_MS = 60_000;
const preempted = new Failure('interrupted', 'preempted: others wait for their turn');

/**
 * Runs the sweeps of a queue until `signal` aborts. Entries of unfinished sweeps then stay in the queue for the next
 * server. An error of one sweep or entry causes a warning and does not delay the others. If more users have sweeps than
 * may be active, the users take turns by preemption.
 */
export class SweepServer {
  private readonly sweeps = new Map<string, KnownSweep>();
  private readonly running = new Set<Promise<void>>();
  /** Latest warning of each entry, kept so that it is not repeated. The key of the queue's own warning is ''. */
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
      // The file system may be unavailable for a while, so no entry counts as removed.
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
      const { sweep, owner } = await readOwnedSweep(runtime, options.sweep).catch(gone(options.sweep, place));
      const { manifest, plan } = sweep;
      requireOwner(options, owner, runtime.machine.userId);
      requireNoModules(options.sweep, owner, plan.trials, runtime.machine.userId);
      this.requireExtensions(options.sweep, manifest.extensions ?? []);
      const { user, name } = manifest;
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

  /**
   * Throws a Failure if a sweep was made with an extension that this process has not loaded. It is not loaded now, because
   * then anybody who submits a sweep could have this process run any code.
   */
  private requireExtensions(sweep: string, recorded: readonly ExtensionFile[]): void {
    const loaded = new Set(this.options.extensions.map(({ sha256 }) => sha256));
    const missing = recorded.find(({ sha256 }) => !loaded.has(sha256));
    if (!missing) return;
    throw new Failure(
      'input',
      `${sweep}: needs the extension ${missing.file} as it was when the sweep was submitted: if you trust it, restart the server with --extension ${missing.file}`,
    );
  }

  /** Runs a sweep until it ends, fails or is preempted. Never rejects. */
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
      // A sweep that the end of the server has interrupted stays in the queue.
      if (ended && !signal.aborted) await endEntry(runtime, { folder: queue, entry });
      sweep.status = ended ? 'ended' : 'queued';
    } catch (error) {
      sweep.status = 'queued';
      sweep.restsUntil = runtime.clock.monotonic() + REST_MS;
      this.warnOnce(entry, new Failure('environment', `${folder}: will be tried again: ${messageOf(error)}`));
    }
  }

  /**
   * Runs a sweep. Resolves to true if it needs no more work, and to false if it was preempted. Rejects if a later try
   * may succeed, for example after the disk was full.
   */
  private async runUntilPreempted(sweep: KnownSweep, lock: HeldLock): Promise<boolean> {
    const { resources, trainers, onEvent, warn } = this.options;
    const extensions = this.options.extensions.map(({ file }) => file);
    const { runtime } = resources;
    const { folder, options, controller, preemption } = sweep;
    const { signal } = controller;
    const { sweep: file, owner } = await readOwnedSweep(runtime, folder);
    // The file may have been changed since it was added.
    requireNoModules(folder, owner, file.plan.trials, runtime.machine.userId);
    const open = await openSweep(runtime, folder, file, lock);
    const { state, journal } = open;
    // The sweep has ended already if an earlier server was killed before it could remove the entry.
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
        trainers: { trainers, external: 0, reduction: 'auto', extensions },
        launch: this.options.launchOf(open.plan),
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

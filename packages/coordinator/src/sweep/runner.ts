import { Failure } from '@prunegrid/trainer/failure';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { Reported, type TrainerGroup, type TrainerPool } from '../cluster/index.js';
import type { Journal } from '../journal/journal.js';
import type { SweepPart } from '../journal/records.js';
import { throttled } from '../training/progress.js';
import { recorded } from '../training/recorded.js';
import { prune, Stopped, type StepProgress, trainDense } from '../training/run.js';
import type { Broker, Demand, Seat } from './broker.js';
import type { DenseStore } from './dense-store.js';
import { classOf, type EarlyStopping } from './early-stopping.js';
import type { Trial } from './plan.js';
import type { SweepEvent, SweepManifest } from './records.js';
import { shareOut } from './schedule.js';
import type { SweepState } from './state.js';

/** A piece of work: a dense network for the trials that share it, or a trial. */
export type Work = { kind: 'dense'; key: string } | { kind: 'trial'; trial: number };

export interface RunnerOptions {
  folder: string;
  manifest: SweepManifest;
  /** Those to be worked on, of one workload; the others of the sweep are left alone. */
  trials: readonly Trial[];
  state: SweepState;
  journal: Journal<SweepEvent>;
  pool: TrainerPool;
  /** Says how many of the pool's trainers may be lent at this moment. */
  broker: Broker;
  store: DenseStore;
  stopping?: EarlyStopping | undefined;
  trainersPerTrial?: number | undefined;
  maxConcurrent: number;
  /** Further attempts at a piece of work that has lost a trainer. */
  retries: number;
  failFast: boolean;
  /** Ends all work at the next step. */
  signal: AbortSignal;
  /** Begins nothing more once it aborts. */
  parking?: AbortSignal | undefined;
  /** Rejects when no trainer is to be expected any more. */
  trainersEnded: Promise<never>;
  /** Seconds to wait for a trainer when all have left. */
  wait: number;
  onProgress: (work: Work, progress: StepProgress & { imagesPerSecond: number }) => void;
}

/**
 * Works through trials on the trainers of a pool: as many at once as there are trainers for, a dense network that trials share before these.
 * What was done, and with what outcome, is in the sweep's journal.
 */
export class SweepRunner {
  private readonly running = new Map<string, Promise<void>>();
  private readonly controller = new AbortController();
  /** Ends all work at the next step: the user, or something that makes going on useless. */
  private readonly signal: AbortSignal;
  private wake: () => void = () => undefined;

  constructor(private readonly options: RunnerOptions) {
    this.signal = AbortSignal.any([options.signal, this.controller.signal]);
    for (const signal of [this.signal, options.parking]) signal?.addEventListener('abort', () => this.wake());
    options.trainersEnded.catch((error: unknown) => this.controller.abort(error));
  }

  /** To be called whenever trainers have come or left. */
  changed(): void {
    this.wake();
  }

  /** Resolves when nothing is left to do. Rejects, once all work has ended, when it was ended before its time. */
  async run(): Promise<void> {
    const { broker, manifest } = this.options;
    await this.lookIntoStore();
    const seat: Seat = broker.join({
      user: manifest.user,
      demand: () => this.demand(),
      start: (trainers) => this.start(trainers, seat),
    });
    for (;;) {
      const changed = new Promise<void>((resolve) => (this.wake = resolve));
      seat.ask();
      if (this.running.size === 0 && (this.isEnding || this.readyWork().length === 0)) break;
      await this.unlessDeserted(changed);
    }
    seat.leave();
    this.signal.throwIfAborted();
    if (this.readyWork().length > 0) this.options.parking?.throwIfAborted();
  }

  /** Nothing more is begun. */
  private get isEnding(): boolean {
    return this.signal.aborted || this.options.parking?.aborted === true;
  }

  /** Waits for a change; not for ever, where there is nobody left to bring it about. */
  private async unlessDeserted(changed: Promise<void>): Promise<void> {
    const { pool, wait } = this.options;
    if (pool.members.length > 0) return changed;
    const none = new Failure(
      'trainers',
      `all trainers have left and no other came within ${wait} s: start some, then go on`,
    );
    const timer = setTimeout(() => this.controller.abort(none), wait * 1000);
    await changed;
    clearTimeout(timer);
  }

  /** Dense networks of this or earlier sweeps need not be trained again. */
  private async lookIntoStore(): Promise<void> {
    const { trials } = this.options;
    const keys = new Set(trials.filter(({ number }) => this.isWaiting(number)).map(({ denseKey }) => denseKey));
    for (const key of keys) await this.reuseDense(key);
  }

  /** False where the network is not in the store. */
  private async reuseDense(key: string): Promise<boolean> {
    const { store, journal } = this.options;
    const network = await store.find(key);
    if (network) await journal.append({ type: 'dense-reused', key, runId: network.runId });
    return network !== undefined;
  }

  /** What could start now, in the order in which it should. */
  private readyWork(): Work[] {
    const { trials, state } = this.options;
    const waiting = trials.filter(({ number }) => this.isWaiting(number) && !this.running.has(`trial ${number}`));
    const missing = new Set(
      waiting.map(({ denseKey }) => denseKey).filter((key) => state.dense.get(key)?.status !== 'finished'),
    );
    return [
      ...[...missing].filter((key) => !this.running.has(`dense ${key}`)).map((key): Work => ({ kind: 'dense', key })),
      ...waiting
        .filter(({ denseKey }) => !missing.has(denseKey))
        .map(({ number }): Work => ({ kind: 'trial', trial: number })),
    ];
  }

  private isWaiting(trial: number): boolean {
    return this.options.state.trials.get(trial)?.status === 'waiting';
  }

  /** What could start now and find free trainers, in the order in which it should. */
  private startable(): { work: Work; most: number }[] {
    const { pool, store, maxConcurrent } = this.options;
    if (this.isEnding) return [];
    return this.readyWork()
      .filter((work) => work.kind === 'trial' || !store.isClaimed(work.key))
      .slice(0, Math.max(0, Math.min(pool.freeCount, maxConcurrent - this.running.size)))
      .map((work) => ({ work, most: this.trialOf(work).spec.batch.microBatches }));
  }

  private demand(): Demand {
    const { pool, trainersPerTrial: each } = this.options;
    const most = this.startable().reduce((sum, work) => sum + (each ?? work.most), 0);
    return { each: each ?? 1, most: Math.min(most, pool.freeCount) };
  }

  private start(trainers: number, seat: Seat): void {
    const ready = this.startable();
    const shares = shareOut({ free: trainers, ready, each: this.options.trainersPerTrial });
    for (const [i, share] of shares.entries()) {
      const { work } = ready[i];
      const id = nameOf(work);
      const giveBack = seat.take(share);
      const unclaim = work.kind === 'dense' ? this.options.store.claim(work.key) : () => undefined;
      const carriedOut = this.carryOut(work, share)
        .catch((error: unknown) => this.controller.abort(error))
        .finally(() => {
          this.running.delete(id);
          unclaim();
          // Has the broker look who can start now, be it with the dense network that this one has trained.
          giveBack();
          this.wake();
        });
      this.running.set(id, carriedOut);
    }
  }

  /** One attempt. Rejects with what must end the sweep. */
  private async carryOut(work: Work, trainers: number): Promise<void> {
    try {
      await this.options.pool.lend(
        trainers,
        (group) => (work.kind === 'dense' ? this.trainDense(work.key, group) : this.tryTrial(work.trial, group)),
        this.signal,
      );
    } catch (error) {
      if (this.signal.aborted) return;
      await this.fail(work, error);
    }
  }

  private async trainDense(key: string, group: TrainerGroup): Promise<void> {
    const { journal, store, state } = this.options;
    // Another sweep may have trained it meanwhile.
    if (await this.reuseDense(key)) return;
    const attempt = (state.dense.get(key)?.attempts ?? 0) + 1;
    const folder = join('dense', key.slice(0, 12), `attempt-${attempt}`);
    const runId = randomUUID();
    await journal.append({ type: 'dense-started', key, attempt, folder, runId, trainers: numbersOf(group) });
    const network = await this.record({ kind: 'dense', key }, group, { folder, runId, attempt }, trainDense);
    await store.keep(network);
    await journal.append({ type: 'dense-finished', key, attempt });
  }

  private async tryTrial(number: number, group: TrainerGroup): Promise<void> {
    const { journal, store, state, stopping } = this.options;
    const trial = this.trialOf({ kind: 'trial', trial: number });
    const attempt = (state.trials.get(number)?.attempts ?? 0) + 1;
    const folder = join('trials', String(number), `attempt-${attempt}`);
    const runId = randomUUID();
    const { settings, spec } = trial;
    stopping?.forget(number);
    await journal.append({
      type: 'trial-started',
      trial: number,
      settings,
      seed: spec.seed,
      attempt,
      folder,
      runId,
      trainers: numbersOf(group),
    });
    const dense = await store.find(trial.denseKey);
    try {
      const work: Work = { kind: 'trial', trial: number };
      const result = await this.record(work, group, { folder, runId, attempt, settings }, (context) =>
        prune({
          ...context,
          ...(dense && { dense }),
          reasonToStop: (epoch, { accuracy }) =>
            stopping?.report({ trial: number, class: classOf(trial), epoch, accuracy }),
        }),
      );
      await journal.append({ type: 'trial-finished', trial: number, attempt, result });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      await journal.append({ type: 'trial-stopped', trial: number, attempt, reason: error.message });
    }
  }

  private record<T>(
    work: Work,
    group: TrainerGroup,
    { folder, runId, ...part }: { folder: string; runId: string } & Pick<SweepPart, 'attempt' | 'settings'>,
    carryOut: (context: Parameters<typeof prune>[0]) => Promise<T>,
  ): Promise<T> {
    const { manifest, onProgress } = this.options;
    const { spec } = this.trialOf(work);
    const trial = work.kind === 'trial' ? { trial: work.trial } : {};
    const { user, commandLine } = manifest;
    const sweep: SweepPart = { runId: manifest.runId, name: manifest.name, ...trial, ...part };
    return recorded(
      {
        folder: join(this.options.folder, folder),
        runId,
        spec,
        specFile: manifest.file,
        group,
        sweep,
        asked: { user, commandLine },
      },
      (context) =>
        carryOut({
          ...context,
          onProgress: throttled(spec.batch.global, (progress) => onProgress(work, progress)),
        }),
    );
  }

  private async fail(work: Work, error: unknown): Promise<void> {
    const { journal, state, retries, failFast } = this.options;
    const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
    const { attempts = 0, mishaps = 0 } =
      (work.kind === 'dense' ? state.dense.get(work.key) : state.trials.get(work.trial)) ?? {};
    const trainerFailed = kind === 'trainers' || (kind === 'environment' && error instanceof Reported);
    // Such as a full disk: not the work's fault, which waits until the sweep goes on.
    if (kind === 'environment' && !trainerFailed) return this.controller.abort(error);
    // A bad spec fails again, and so does a loss that is not finite; a lost trainer has nothing to do with the work.
    const again = trainerFailed && mishaps < retries;
    const mishap = { attempt: attempts, kind, message, again };
    if (work.kind === 'trial') await journal.append({ type: 'trial-failed', trial: work.trial, ...mishap });
    else {
      await journal.append({ type: 'dense-failed', key: work.key, ...mishap });
      if (!again) await this.failDependents(work.key, kind, message);
    }
    if (!again && failFast) this.controller.abort(error);
  }

  private async failDependents(key: string, kind: string, message: string): Promise<void> {
    const { trials, journal } = this.options;
    for (const { number } of trials.filter((trial) => trial.denseKey === key && this.isWaiting(trial.number))) {
      const text = `its dense network failed: ${message}`;
      await journal.append({ type: 'trial-failed', trial: number, attempt: 0, kind, message: text, again: false });
    }
  }

  /** The trial, or one of those that share the dense network. */
  private trialOf(work: Work): Trial {
    const { trials } = this.options;
    const trial =
      work.kind === 'dense'
        ? trials.find(({ denseKey }) => denseKey === work.key)
        : trials.find(({ number }) => number === work.trial);
    if (!trial) throw new RangeError(`${nameOf(work)} is not among this runner's trials`);
    return trial;
  }
}

const nameOf = (work: Work): string => (work.kind === 'dense' ? `dense ${work.key}` : `trial ${work.trial}`);

const numbersOf = ({ members }: TrainerGroup): number[] => members.map(({ number }) => number);

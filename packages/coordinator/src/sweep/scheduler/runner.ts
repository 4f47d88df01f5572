import { Failure } from '@prunegrid/core/failure';

import { TrainerReported, type TrainerPool } from '../../cluster/index.js';
import { Paused } from '../../training/run.js';
import { type AttemptOptions, Attempts } from './attempts.js';
import type { FairShareScheduler, Demand, Allocation } from './fair-share.js';
import { type ChainPoint, nextOf, startOf } from '../planner/chain.js';
import type { Trial } from '../planner/plan.js';
import type { SweepEvent } from '../records.js';
import { shareOut } from './schedule.js';
import { nameOf, RunningJob, trialOf, type Job } from './job.js';

/** A job that is to go on with more trainers must have more than so many seconds ahead of it: saving and resuming it take one or two. */
const REGROUP_SECONDS = 10;

export interface RunnerOptions extends AttemptOptions {
  /** The trials to be worked on, of one workload; the others of the sweep are left alone. */
  trials: readonly Trial[];
  pool: TrainerPool;
  /** Says how many of the pool's trainers may be lent at this moment. */
  scheduler: FairShareScheduler;
  trainersPerTrial?: number | undefined;
  maxConcurrent: number;
  /** Further attempts at a job that has lost a trainer. */
  retries: number;
  failFast: boolean;
  /** Ends all jobs at the next step. */
  signal: AbortSignal;
  /** Begins nothing more once it aborts. */
  preemption?: AbortSignal | undefined;
  /** Rejects when no trainer is to be expected any more. */
  trainersEnded: Promise<never>;
  /** Seconds to wait for trainers when there are too few for any job. */
  wait: number;
}

/**
 * Works through trials on the trainers of a pool: as many at once as there are trainers for, a dense network that trials share before these.
 * What was done, and with what outcome, is in the sweep's journal.
 */
export class SweepRunner {
  private readonly running = new Map<string, RunningJob>();
  /** Trials that were found to have no start. */
  private readonly hopeless = new Set<number>();
  private readonly attempts: Attempts;
  private readonly controller = new AbortController();
  /** Ends all jobs at the next step: the user wants it, or something makes going on useless. */
  private readonly signal: AbortSignal;
  private wake: () => void = () => undefined;

  constructor(private readonly options: RunnerOptions) {
    this.attempts = new Attempts({
      ...options,
      onProgress: (job, progress) => {
        this.running.get(nameOf(job))?.progress(progress);
        options.onProgress(job, progress);
      },
    });
    this.signal = AbortSignal.any([options.signal, this.controller.signal]);
    for (const signal of [this.signal, options.preemption]) signal?.addEventListener('abort', () => this.wake());
    options.trainersEnded.catch((error: unknown) => this.controller.abort(error));
  }

  /** Is to be called whenever trainers have come or left. */
  changed(): void {
    this.wake();
  }

  /** Resolves when nothing is left to do. Rejects, once all jobs have ended, if it was ended before its time. */
  async run(): Promise<void> {
    const { scheduler, manifest } = this.options;
    await this.failHopeless();
    await this.lookIntoStore();
    const allocation: Allocation = scheduler.join({
      user: manifest.user,
      demand: () => this.demand(),
      start: (trainers) => this.start(trainers, allocation),
    });
    for (;;) {
      const changed = new Promise<void>((resolve) => (this.wake = resolve));
      allocation.requestTrainers();
      this.regroup(allocation);
      if (this.running.size === 0 && (this.isEnding || this.readyJobs().length === 0)) break;
      await this.unlessDeserted(changed);
    }
    allocation.leave();
    this.signal.throwIfAborted();
    if (this.readyJobs().length > 0) this.options.preemption?.throwIfAborted();
  }

  /** Nothing more is begun. */
  private get isEnding(): boolean {
    return this.signal.aborted || this.options.preemption?.aborted === true;
  }

  /** Waits for a change, but not for ever if there is nobody left to bring it about. */
  private async unlessDeserted(changed: Promise<void>): Promise<void> {
    const { pool, wait, runtime, trainersPerTrial = 1 } = this.options;
    const here = pool.trainers.length;
    const needed = this.startable(1).reduce((_, { most }) => Math.min(most, trainersPerTrial), 1);
    // Jobs under way end by themselves, and trainers that others have are given back.
    if (here >= needed || (here > 0 && this.running.size > 0)) return changed;
    const none = new Failure(
      'trainers',
      here === 0
        ? `all trainers have left and no other came within ${wait} s: start some, then prunegrid sweep resume`
        : `${here} trainers are left, a trial takes ${needed}, and no other came within ${wait} s: start some, then prunegrid sweep resume`,
    );
    const timer = runtime.clock.after(wait * 1000, () => this.controller.abort(none));
    await changed;
    timer.cancel();
  }

  /** What others start from and this or an earlier sweep has computed already need not be computed again. */
  private async lookIntoStore(): Promise<void> {
    const { trials, plan, store, journal } = this.options;
    const waiting = () => trials.filter(({ number }) => this.isWaiting(number));
    for (const trial of waiting().filter((one) => nextOf(one, plan).length > 0)) {
      const point = await store.find<ChainPoint>(trial.key);
      if (!point) continue;
      const { runId, result } = point;
      await journal.append({ type: 'trial-reused', trial: trial.number, runId, result });
    }
    const keys = new Set(waiting().map(({ denseKey }) => denseKey));
    for (const key of keys) await this.attempts.reuseDense(key);
  }

  /** What could start now, in the order in which it should. */
  private readyJobs(): Job[] {
    const { trials, state } = this.options;
    const waiting = trials.filter(({ number }) => this.isWaiting(number) && !this.running.has(`trial ${number}`));
    const missing = new Set(
      waiting.map(({ denseKey }) => denseKey).filter((key) => state.dense.get(key)?.status !== 'finished'),
    );
    return [
      ...[...missing].filter((key) => !this.running.has(`dense ${key}`)).map((key): Job => ({ kind: 'dense', key })),
      ...waiting
        .filter((trial) => !missing.has(trial.denseKey) && this.canStart(trial))
        .map(({ number }): Job => ({ kind: 'trial', trial: number })),
    ];
  }

  /** Whether the network that it starts from is there. */
  private canStart(trial: Trial): boolean {
    const before = startOf(trial, this.options.plan);
    return !before || this.options.state.trials.get(before.number)?.status === 'finished';
  }

  private isWaiting(trial: number): boolean {
    return this.options.state.trials.get(trial)?.status === 'waiting';
  }

  /** What could start now if so many trainers were free, in the order in which it should. */
  private startable(free = this.options.pool.freeCount): { job: Job; most: number }[] {
    const { store, maxConcurrent } = this.options;
    if (this.isEnding) return [];
    return this.readyJobs()
      .filter((job) => job.kind === 'trial' || !store.isClaimed(job.key))
      .slice(0, Math.max(0, Math.min(free, maxConcurrent - this.running.size)))
      .map((job) => ({ job, most: this.mostOf(job) }));
  }

  /** Trainers that a job can use: more than micro-batches would have nothing to do. */
  private mostOf = (job: Job): number => trialOf(job, this.options.plan).spec.batch.microBatches;

  private demand(): Demand {
    const { pool, trainersPerTrial = Infinity } = this.options;
    const jobs = this.startable();
    const shares = jobs.map(({ most }) => Math.min(most, trainersPerTrial));
    const most = shares.reduce((sum, share) => sum + share, 0);
    return { each: trainersPerTrial === Infinity ? 1 : (shares.at(0) ?? 1), most: Math.min(most, pool.freeCount) };
  }

  /** If trainers are idle and no job is left to be started, lets the trial with the fewest go on with more. */
  private regroup(allocation: Allocation): void {
    const { pool, trainersPerTrial } = this.options;
    const idle = Math.min(pool.freeCount, allocation.idle());
    if (trainersPerTrial !== undefined || this.isEnding || idle < 1 || this.readyJobs().length > 0) return;
    const [smallest] = [...this.running.values()]
      .filter(({ job, trainers }) => trainers < this.mostOf(job))
      .sort((a, b) => a.trainers - b.trainers);
    if (smallest && smallest.secondsLeft > REGROUP_SECONDS) smallest.pause.abort(new Paused());
  }

  private start(trainers: number, allocation: Allocation): void {
    const ready = this.startable();
    const shares = shareOut({ free: trainers, ready, each: this.options.trainersPerTrial });
    for (const [i, share] of shares.entries()) {
      const { job } = ready[i];
      const id = nameOf(job);
      const giveBack = allocation.take(share);
      const unclaim = job.kind === 'dense' ? this.options.store.claim(job.key) : () => undefined;
      const running = new RunningJob(job, share, this.options.runtime.clock);
      this.running.set(id, running);
      void this.runJob(running)
        .catch((error: unknown) => this.controller.abort(error))
        .finally(() => {
          this.running.delete(id);
          unclaim();
          // Has the scheduler look who can start now, be it with the dense network that this one has trained.
          giveBack();
          this.wake();
        });
    }
  }

  /** One attempt. Rejects with what must end the sweep. */
  private async runJob({ job, trainers, pause }: RunningJob): Promise<void> {
    try {
      await this.options.pool.lease(
        trainers,
        (group) => this.attempts.make(job, group),
        AbortSignal.any([this.signal, pause.signal]),
      );
    } catch (error) {
      if (this.signal.aborted) return;
      if (error instanceof Paused) await this.options.journal.append(this.pausedEvent(job));
      else await this.fail(job, error);
    }
    await this.failHopeless();
  }

  private pausedEvent(job: Job): SweepEvent {
    const { state } = this.options;
    if (job.kind === 'dense') {
      return { type: 'dense-paused', key: job.key, attempt: state.dense.get(job.key)?.attempts ?? 0 };
    }
    return { type: 'trial-paused', trial: job.trial, attempt: state.trials.get(job.trial)?.attempts ?? 0 };
  }

  private async fail(job: Job, error: unknown): Promise<void> {
    const { journal, state, retries: maxRetries, failFast } = this.options;
    const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
    const { attempts = 0, retries = 0 } =
      (job.kind === 'dense' ? state.dense.get(job.key) : state.trials.get(job.trial)) ?? {};
    const trainerFailed = kind === 'trainers' || (kind === 'environment' && error instanceof TrainerReported);
    // Such as a full disk: not the job's fault, which waits until the sweep goes on.
    if (kind === 'environment' && !trainerFailed) return this.controller.abort(error);
    // A bad spec fails again, and so does a loss that is not finite; a lost trainer has nothing to do with the job.
    const again = trainerFailed && retries < maxRetries;
    const failedAttempt = { attempt: attempts, kind, message, again };
    if (job.kind === 'trial') await journal.append({ type: 'trial-failed', trial: job.trial, ...failedAttempt });
    else await journal.append({ type: 'dense-failed', key: job.key, ...failedAttempt });
    if (!again && failFast) this.controller.abort(error);
  }

  /** Trials that will not have the network that they start from. */
  private async failHopeless(): Promise<void> {
    const { plan, journal } = this.options;
    // In the order of the plan, in which a chain's points follow one another.
    for (const trial of plan) {
      if (!this.isWaiting(trial.number) || this.hopeless.has(trial.number)) continue;
      const failure = this.failureBefore(trial);
      if (!failure) continue;
      this.hopeless.add(trial.number);
      await journal.append({ type: 'trial-failed', trial: trial.number, attempt: 0, ...failure, again: false });
    }
  }

  /** Why what it starts from will never be there. */
  private failureBefore(trial: Trial): { kind: string; message: string } | undefined {
    const { plan, state } = this.options;
    const dense = state.dense.get(trial.denseKey);
    if (dense?.status === 'failed') {
      return { kind: dense.kind ?? 'internal', message: `its dense network failed: ${dense.reason}` };
    }
    const before = startOf(trial, plan);
    const { status, kind = 'training' } = (before && state.trials.get(before.number)) ?? {};
    if (!before || (status !== 'failed' && status !== 'stopped')) return undefined;
    const what = status === 'failed' ? 'failed' : 'was stopped early';
    return { kind, message: `trial ${before.number}, which it starts from, ${what}` };
  }
}

import { Failure } from '@prunegrid/core/failure';

import { isOfTrainers, JobTrainers, Regrouped, type TrainerPool } from '../../cluster/index.js';
import { waitSeconds } from '../../launch/trainers.js';
import { Paused } from '../../training/run.js';
import { type AttemptOptions, Attempts } from './attempts.js';
import type { Demand, Allocation } from './fair-share.js';
import type { Trial } from '../planner/plan-format.js';
import type { SweepEvent } from '../records.js';
import { shareOut } from './schedule.js';
import { nameOf, RunningJob, type Job } from './job.js';
import type { SweepResources } from './resources.js';
import type { OpenSweep } from './open-sweep.js';
import type { RunTrialsOptions } from './options.js';

/**
 * Seconds that a job must still have to run before it is paused and resumed on more trainers. Saving and resuming take
 * one or two seconds, so a shorter job would gain little.
 */
const REGROUP_SECONDS = 10;

export interface RunnerOptions extends AttemptOptions, Omit<RunTrialsOptions, 'interrupted' | 'only'> {
  sweep: OpenSweep;
  resources: SweepResources;
  /** The trials to run, all of one workload. Other trials of the sweep stay as they are. */
  trials: readonly Trial[];
  pool: TrainerPool;
  /** Rejects when no more trainers can come. */
  trainersEnded: Promise<never>;
}

/**
 * Runs the trials of a sweep on the trainers of a pool, as many at once as the trainers and the limits allow. A dense
 * network that trials share is trained before them. Every attempt and its outcome is recorded in the sweep's journal.
 */
export class SweepRunner {
  private readonly running = new Map<string, RunningJob>();
  /** Numbers of the trials that have failed because the network from which they start will never exist. */
  private readonly hopeless = new Set<number>();
  private readonly attempts: Attempts;
  private readonly controller = new AbortController();
  /** Ends all jobs at the next step, because the user interrupted the sweep or an error makes more work useless. */
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

  /** Must be called whenever trainers have joined or left the pool. */
  changed(): void {
    this.wake();
  }

  /** Resolves when nothing is left to do. If the work is ended early, it rejects after all jobs have ended. */
  async run(): Promise<void> {
    const { resources, sweep } = this.options;
    await this.failHopeless();
    await this.lookIntoStore();
    const allocation: Allocation = resources.scheduler.join({
      user: sweep.manifest.user,
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

  /** Whether no more jobs may start. */
  private get isEnding(): boolean {
    return this.signal.aborted || this.options.preemption?.aborted === true;
  }

  /** Waits for a change. If too few trainers are left to cause one, it ends the work after `trainers.wait` seconds. */
  private async unlessDeserted(changed: Promise<void>): Promise<void> {
    const { pool, sweep, resources, trainers, launch } = this.options;
    const wait = waitSeconds(trainers, launch.launcher);
    const { trainersPerTrial = 1 } = sweep.plan;
    const here = pool.trainers.length;
    const needed = this.startable(1).reduce((_, { most }) => Math.min(most, trainersPerTrial), 1);
    // A running job ends by itself, and other sweeps return their trainers, so a change will come.
    if (here >= needed || (here > 0 && this.running.size > 0) || wait === Infinity) return changed;
    const none = new Failure(
      'trainers',
      here === 0
        ? `all trainers have left and no other came within ${wait} s: start some, then prunegrid sweep resume`
        : `${here} trainers are left, a trial takes ${needed}, and no other came within ${wait} s: start some, then prunegrid sweep resume`,
    );
    const timer = resources.runtime.clock.after(wait * 1000, () => this.controller.abort(none));
    await changed;
    timer.cancel();
  }

  /** Reuses the stored networks from which trials start, so that they are not computed again. */
  private async lookIntoStore(): Promise<void> {
    const { trials, sweep, store } = this.options;
    const waiting = () => trials.filter(({ number }) => this.isWaiting(number));
    for (const trial of waiting().filter((one) => sweep.index.isStart(one))) {
      const point = await store.findPoint(trial.key);
      if (!point) continue;
      const { runId, result } = point;
      await sweep.journal.append({ type: 'trial-reused', trial: trial.number, runId, result });
    }
    const keys = new Set(waiting().map(({ denseKey }) => denseKey));
    for (const key of keys) await this.attempts.reuseDense(key);
  }

  /** Returns the jobs that could start now, in the order in which they should start. */
  private readyJobs(): Job[] {
    const { trials, sweep } = this.options;
    const { state } = sweep;
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

  /** Whether the network from which the trial starts exists. */
  private canStart(trial: Trial): boolean {
    const { index, state } = this.options.sweep;
    const before = index.startOf(trial);
    return !before || state.trials.get(before.number)?.status === 'finished';
  }

  private isWaiting(trial: number): boolean {
    return this.options.sweep.state.trials.get(trial)?.status === 'waiting';
  }

  /** Returns the jobs that could start now if `free` trainers were free, in the order in which they should start. */
  private startable(free = this.options.pool.freeCount): { job: Job; most: number }[] {
    const { store, maxConcurrent } = this.options;
    if (this.isEnding) return [];
    return this.readyJobs()
      .filter((job) => job.kind === 'trial' || !store.isClaimed(job.key))
      .slice(0, Math.max(0, Math.min(free, maxConcurrent - this.running.size)))
      .map((job) => ({ job, most: this.mostOf(job) }));
  }

  /** Number of trainers that a job can use. Each trainer needs at least one micro-batch. */
  private mostOf = (job: Job): number => this.options.sweep.index.of(job).spec.batch.microBatches;

  private demand(): Demand {
    const { pool, sweep } = this.options;
    const { trainersPerTrial = Infinity } = sweep.plan;
    const jobs = this.startable();
    const shares = jobs.map(({ most }) => Math.min(most, trainersPerTrial));
    const most = shares.reduce((sum, share) => sum + share, 0);
    return { each: trainersPerTrial === Infinity ? 1 : (shares.at(0) ?? 1), most: Math.min(most, pool.freeCount) };
  }

  /** If trainers are idle and no job can start, pauses the job with the fewest trainers, so that it resumes on more. */
  private regroup(allocation: Allocation): void {
    const { pool, sweep } = this.options;
    const { trainersPerTrial } = sweep.plan;
    const running = [...this.running.values()];
    // A job that has lost trainers takes as many in by itself.
    const lost = running.reduce((sum, { granted, trainers }) => sum + granted - trainers, 0);
    const idle = Math.min(pool.freeCount - lost, allocation.idle());
    if (trainersPerTrial !== undefined || this.isEnding || idle < 1 || this.readyJobs().length > 0) return;
    const [smallest] = running
      .filter(({ job, trainers }) => trainers < this.mostOf(job))
      .sort((a, b) => a.trainers - b.trainers);
    if (smallest && smallest.secondsLeft > REGROUP_SECONDS) smallest.pause.abort(new Paused());
  }

  private start(trainers: number, allocation: Allocation): void {
    const { sweep, resources, store } = this.options;
    const ready = this.startable();
    const shares = shareOut({ free: trainers, ready, each: sweep.plan.trainersPerTrial });
    for (const [i, share] of shares.entries()) {
      const { job } = ready[i];
      const id = nameOf(job);
      const giveBack = allocation.take(share);
      const unclaim = job.kind === 'dense' ? store.claim(job.key) : () => undefined;
      const running = new RunningJob(job, share, resources.runtime.clock);
      this.running.set(id, running);
      void this.runJob(running)
        .catch((error: unknown) => this.controller.abort(error))
        .finally(() => {
          this.running.delete(id);
          unclaim();
          // This makes the scheduler start other jobs, including those that need the dense network of this one.
          giveBack();
          this.wake();
        });
    }
  }

  /** Makes one attempt at a job. Rejects only with an error that must end the sweep. */
  private async runJob(running: RunningJob): Promise<void> {
    const { job, granted, pause } = running;
    try {
      const { pool, warn, resources } = this.options;
      const { clock } = resources.runtime;
      const signal = AbortSignal.any([this.signal, pause.signal]);
      await JobTrainers.hold(granted, { pool, clock, signal, warn, least: 1, most: granted }, (trainers) => {
        running.holds(trainers);
        return this.attempts.make(job, trainers);
      });
    } catch (error) {
      if (this.signal.aborted) return;
      // A trainer that was told to leave is no failure, and spends no retry.
      if (error instanceof Paused || error instanceof Regrouped)
        await this.options.sweep.journal.append(this.pausedEvent(job));
      else await this.fail(job, error);
    }
    await this.failHopeless();
  }

  private pausedEvent(job: Job): SweepEvent {
    const { state } = this.options.sweep;
    if (job.kind === 'dense') {
      return { type: 'dense-paused', key: job.key, attempt: state.dense.get(job.key)?.attempts ?? 0 };
    }
    return { type: 'trial-paused', trial: job.trial, attempt: state.trials.get(job.trial)?.attempts ?? 0 };
  }

  private async fail(job: Job, error: unknown): Promise<void> {
    const { sweep, retries: maxRetries, failFast } = this.options;
    const { journal, state } = sweep;
    const { kind, message } = error instanceof Failure ? error : { kind: 'internal', message: String(error) };
    const { attempts = 0, retries = 0 } =
      (job.kind === 'dense' ? state.dense.get(job.key) : state.trials.get(job.trial)) ?? {};
    // An error such as a full disk is not caused by the job, which waits until the sweep is resumed.
    if (kind === 'environment' && !isOfTrainers(error)) return this.controller.abort(error);
    // Only the failure of a trainer is worth a retry: a bad spec or a loss that is not finite would fail again.
    const again = isOfTrainers(error) && retries < maxRetries;
    const failedAttempt = { attempt: attempts, kind, message, again };
    if (job.kind === 'trial') await journal.append({ type: 'trial-failed', trial: job.trial, ...failedAttempt });
    else await journal.append({ type: 'dense-failed', key: job.key, ...failedAttempt });
    if (!again && failFast) this.controller.abort(error);
  }

  /** Records the failure of the trials whose starting network will never exist. */
  private async failHopeless(): Promise<void> {
    const { plan, journal } = this.options.sweep;
    // The plan lists a chain's points in order, so one pass fails all points after the first failure.
    for (const trial of plan.trials) {
      if (!this.isWaiting(trial.number) || this.hopeless.has(trial.number)) continue;
      const failure = this.failureBefore(trial);
      if (!failure) continue;
      this.hopeless.add(trial.number);
      await journal.append({ type: 'trial-failed', trial: trial.number, attempt: 0, ...failure, again: false });
    }
  }

  /** Returns why the network from which the trial starts will never exist; undefined if it exists or still may. */
  private failureBefore(trial: Trial): { kind: string; message: string } | undefined {
    const { index, state } = this.options.sweep;
    const dense = state.dense.get(trial.denseKey);
    if (dense?.status === 'failed') {
      return { kind: dense.kind ?? 'internal', message: `its dense network failed: ${dense.reason}` };
    }
    const before = index.startOf(trial);
    const { status, kind = 'training' } = (before && state.trials.get(before.number)) ?? {};
    if (!before || (status !== 'failed' && status !== 'stopped')) return undefined;
    const what = status === 'failed' ? 'failed' : 'was stopped early';
    return { kind, message: `trial ${before.number}, which it starts from, ${what}` };
  }
}

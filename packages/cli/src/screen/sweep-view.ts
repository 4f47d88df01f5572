import type { Recorded } from '@prunegrid/coordinator/journal/encoding';
import { epochsAfterDense } from '@prunegrid/coordinator/experiment/epochs';
import type { SweepPlan, Trial } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepEvent, JobFolder } from '@prunegrid/coordinator/sweep/records';
import type { Job } from '@prunegrid/coordinator/sweep/scheduler/job';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import type { Progress } from '../api/run.js';

/** A job that is running. */
export interface Running {
  work: Job;
  trainers: readonly number[];
  progress?: Progress;
}

/**
 * What can be said about a sweep at this moment, from its state, which the caller keeps up to date, and from the
 * progress of its jobs.
 */
export class SweepView {
  readonly running = new Map<string, Running>();
  /** Epochs that were done before this process took the sweep up. */
  private doneBefore: number;
  private readonly begun = new Set<string>();
  private startedAt: number | undefined;

  constructor(
    readonly plan: SweepPlan,
    readonly state: SweepState,
  ) {
    this.doneBefore = this.epochsDone();
  }

  event(record: Recorded<SweepEvent>): void {
    switch (record.type) {
      case 'dense-started':
        this.start({ kind: 'dense', key: record.key }, record);
        break;
      case 'trial-started':
        this.start({ kind: 'trial', trial: record.trial }, record);
        break;
      case 'trial-reused':
        this.doneBefore += epochsAfterDense(this.trial(record.trial).spec);
        break;
      case 'dense-finished':
      case 'dense-paused':
      case 'dense-failed':
        this.running.delete(idOf({ kind: 'dense', key: record.key }));
        break;
      case 'trial-finished':
      case 'trial-paused':
      case 'trial-stopped':
      case 'trial-failed':
        this.running.delete(idOf({ kind: 'trial', trial: record.trial }));
        break;
      default: // Such a record does not change what is running.
    }
  }

  progress(work: Job, progress: Progress): void {
    const running = this.running.get(idOf(work));
    if (running) running.progress = progress;
  }

  /** The share of the sweep's epochs that are done. The epochs of trials that failed or were stopped count as done. */
  get share(): number {
    return this.epochsDone() / this.epochs();
  }

  /** Seconds to the end at the speed so far, or null if there is none yet. `time` is in Unix milliseconds. */
  secondsLeft(time: number): number | null {
    const done = this.epochsDone();
    if (this.startedAt === undefined || done <= this.doneBefore) return null;
    return ((this.epochs() - done) * (time - this.startedAt)) / 1000 / (done - this.doneBefore);
  }

  trial(number: number): Trial {
    return this.plan.trials.find((trial) => trial.number === number) as Trial;
  }

  private start(work: Job, { trainers, resumedAt = 0, time }: Recorded<JobFolder>): void {
    const id = idOf(work);
    this.running.set(id, { work, trainers });
    this.startedAt ??= time;
    if (this.begun.has(id)) return;
    this.begun.add(id);
    const notOwn = work.kind === 'trial' ? this.trial(work.trial).spec.dense.epochs : 0;
    this.doneBefore += Math.max(0, resumedAt - notOwn);
  }

  private denseEpochs(): Map<string, number> {
    return new Map(this.plan.trials.map(({ denseKey, spec }) => [denseKey, spec.dense.epochs]));
  }

  private epochs(): number {
    const dense = [...this.denseEpochs().values()].reduce((sum, epochs) => sum + epochs, 0);
    return this.plan.trials.reduce((sum, trial) => sum + epochsAfterDense(trial.spec), dense);
  }

  private epochsDone(): number {
    let done = 0;
    for (const [key, epochs] of this.denseEpochs()) {
      if (this.state.dense.get(key)?.status === 'finished') done += epochs;
    }
    for (const trial of this.plan.trials) {
      const { status = 'waiting' } = this.state.trials.get(trial.number) ?? {};
      if (status !== 'waiting' && status !== 'running') done += epochsAfterDense(trial.spec);
    }
    for (const { work, progress } of this.running.values()) {
      if (!progress) continue;
      const { totalStep, totalSteps } = progress;
      if (work.kind === 'dense') {
        done += (this.denseEpochs().get(work.key) ?? 0) * (progress.step / progress.steps);
      } else {
        const trial = this.trial(work.trial);
        const all = trial.spec.dense.epochs + epochsAfterDense(trial.spec);
        done += Math.max(0, (totalStep / totalSteps) * all - trial.spec.dense.epochs);
      }
    }
    return done;
  }
}

const idOf = (work: Job): string => (work.kind === 'dense' ? `dense ${work.key}` : `trial ${work.trial}`);

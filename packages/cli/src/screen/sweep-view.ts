import type { Recorded } from '@prunegrid/coordinator/journal/encoding';
import { epochsAfterDense } from '@prunegrid/coordinator/experiment/epochs';
import type { SweepPlan, Trial } from '@prunegrid/coordinator/sweep/planner/plan';
import type { SweepEvent } from '@prunegrid/coordinator/sweep/records';
import type { Job } from '@prunegrid/coordinator/sweep/scheduler/job';
import type { SweepState } from '@prunegrid/coordinator/sweep/state';
import { Pace } from '@prunegrid/coordinator/training/pace';
import type { Progress } from '../api/run.js';

/** The progress of a job, as far as the screen of a sweep shows it. */
export type ShownProgress = Pick<
  Progress,
  'phase' | 'step' | 'steps' | 'totalStep' | 'totalSteps' | 'accuracy' | 'imagesPerSecond'
>;

/** A job that is running. */
export interface Running {
  work: Job;
  trainers: readonly number[];
  progress?: ShownProgress;
}

/** The phases of a trial differ in speed, so the speed is averaged over about as many epochs as so many trials have. */
const PACE_TRIALS = 2;

/**
 * What can be said about a sweep at this moment, from its state, which the caller keeps up to date, and from the
 * progress of its jobs.
 */
export class SweepView {
  readonly running = new Map<string, Running>();
  private readonly trials: ReadonlyMap<number, Trial>;
  /** The epochs of each dense network. */
  private readonly dense: ReadonlyMap<string, number>;
  /** The epochs of the whole sweep. */
  private readonly epochs: number;
  /** The epochs of all jobs that have ended. */
  private ended: number;
  /** Seconds per epoch of the whole sweep, evaluations and starts of jobs included. */
  private readonly pace: Pace;
  /** The epochs over which the pace has been measured. */
  private timed = 0;
  /** The epochs done and the time up to which the pace has been measured; undefined until a job reports. */
  private measured: { epochs: number; time: number } | undefined;

  constructor(
    readonly plan: SweepPlan,
    readonly state: SweepState,
  ) {
    this.trials = new Map(plan.trials.map((trial) => [trial.number, trial]));
    this.dense = new Map(plan.trials.map(({ denseKey, spec }) => [denseKey, spec.dense.epochs]));
    const inTrials = plan.trials.reduce((sum, { spec }) => sum + epochsAfterDense(spec), 0);
    this.epochs = inTrials + [...this.dense.values()].reduce((sum, epochs) => sum + epochs, 0);
    this.pace = new Pace((PACE_TRIALS * inTrials) / plan.trials.length);
    this.ended = this.epochsEnded();
  }

  event(record: Recorded<SweepEvent>): void {
    switch (record.type) {
      case 'dense-started':
        this.start({ kind: 'dense', key: record.key }, record.trainers);
        break;
      case 'trial-started':
        this.start({ kind: 'trial', trial: record.trial }, record.trainers);
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
      case 'sweep-interrupted':
      case 'sweep-resumed':
        // If the coordinator before was killed, the journal has no record of the end of its jobs.
        this.running.clear();
        this.measured = undefined;
        break;
      default: // Such a record does not change what is running.
    }
    this.ended = this.epochsEnded();
    this.leap();
  }

  /** @param time Unix milliseconds */
  progress(work: Job, progress: ShownProgress, time: number): void {
    const running = this.running.get(idOf(work));
    if (!running) return;
    const first = running.progress === undefined;
    running.progress = progress;
    if (this.measured === undefined) this.measured = { epochs: this.epochsDone(), time };
    // What a job has done before its first report may be of an earlier attempt.
    else if (first) this.leap();
    else this.measure(this.measured, time);
  }

  /** The share of the sweep's epochs that are done. The epochs of trials that failed or were stopped count as done. */
  get share(): number {
    return this.epochsDone() / this.epochs;
  }

  /**
   * Seconds to the end of the sweep. It is null until an epoch of each running job has been timed, because the
   * evaluation at its end takes as long as the epoch if there are few images.
   */
  get secondsLeft(): number | null {
    if (this.pace.value === undefined || this.timed < this.running.size) return null;
    return (this.epochs - this.epochsDone()) * this.pace.value;
  }

  trial(number: number): Trial {
    return this.trials.get(number) as Trial;
  }

  private start(work: Job, trainers: readonly number[]): void {
    this.running.set(idOf(work), { work, trainers });
  }

  private measure(before: { epochs: number; time: number }, time: number): void {
    const epochs = this.epochsDone();
    const trained = Math.max(0, epochs - before.epochs);
    this.pace.add((time - before.time) / 1000, trained);
    this.timed += trained;
    this.measured = { epochs, time };
  }

  /** Takes in that epochs count as done, or no longer, without having been trained just now. Their time still counts. */
  private leap(): void {
    if (this.measured) this.measured = { ...this.measured, epochs: this.epochsDone() };
  }

  private epochsEnded(): number {
    let ended = 0;
    for (const [key, epochs] of this.dense) {
      if (this.state.dense.get(key)?.status === 'finished') ended += epochs;
    }
    for (const trial of this.plan.trials) {
      const { status = 'waiting' } = this.state.trials.get(trial.number) ?? {};
      if (status !== 'waiting' && status !== 'running') ended += epochsAfterDense(trial.spec);
    }
    return ended;
  }

  private epochsDone(): number {
    let done = this.ended;
    for (const { work, progress } of this.running.values()) {
      if (!progress) continue;
      const { totalStep, totalSteps } = progress;
      if (work.kind === 'dense') {
        done += (this.dense.get(work.key) ?? 0) * (progress.step / progress.steps);
      } else {
        const { dense } = this.trial(work.trial).spec;
        const all = dense.epochs + epochsAfterDense(this.trial(work.trial).spec);
        done += Math.max(0, (totalStep / totalSteps) * all - dense.epochs);
      }
    }
    return done;
  }
}

const idOf = (work: Job): string => (work.kind === 'dense' ? `dense ${work.key}` : `trial ${work.trial}`);

import type { Trial } from '../planner/plan-format.js';
import { type Job, nameOf } from './job.js';

/** Index of the trials of a plan by key, for fast access, because a plan may have 10,000 trials. */
export class TrialIndex {
  private readonly byNumber = new Map<number, Trial>();
  private readonly byKey = new Map<string, Trial>();
  /** The first trial of those that share a dense network, by `denseKey`. */
  private readonly byDense = new Map<string, Trial>();
  /** Keys of trials from whose networks others start. */
  private readonly starts = new Set<string>();

  constructor(trials: readonly Trial[]) {
    for (const trial of trials) {
      this.byNumber.set(trial.number, trial);
      this.byKey.set(trial.key, trial);
      if (!this.byDense.has(trial.denseKey)) this.byDense.set(trial.denseKey, trial);
      if (trial.start !== undefined) this.starts.add(trial.start);
    }
  }

  /** Returns the trial of a job, or one of the trials that share the dense network. */
  of(job: Job): Trial {
    const trial = job.kind === 'dense' ? this.byDense.get(job.key) : this.byNumber.get(job.trial);
    if (!trial) throw new RangeError(`${nameOf(job)} is not in the plan`);
    return trial;
  }

  /** Returns the trial from whose network another one starts; undefined if it starts from the dense network. */
  startOf({ start }: Trial): Trial | undefined {
    return start === undefined ? undefined : this.byKey.get(start);
  }

  /** Whether other trials start from the network of the trial. */
  isStart({ key }: Trial): boolean {
    return this.starts.has(key);
  }
}

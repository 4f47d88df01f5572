import type { Clock } from '@prunegrid/core/runtime';

import type { StepProgress } from '../../training/context.js';
import type { Trial } from '../planner/plan.js';

/** A piece of work: a dense network for the trials that share it, or a trial. */
export type Job = { kind: 'dense'; key: string } | { kind: 'trial'; trial: number };

export const nameOf = (job: Job): string => (job.kind === 'dense' ? `dense ${job.key}` : `trial ${job.trial}`);

/** The trial, or one of those that share the dense network. */
export function trialOf(job: Job, trials: readonly Trial[]): Trial {
  const trial = trials.find(({ denseKey, number }) =>
    job.kind === 'dense' ? denseKey === job.key : number === job.trial,
  );
  if (!trial) throw new RangeError(`${nameOf(job)} is not among these trials`);
  return trial;
}

/** A job under way. */
export class RunningJob {
  /** Is aborted with `Paused` as its reason when the job is to go on with more trainers. */
  readonly pause = new AbortController();
  /** The first and the latest progress that is known: seconds, and the share of all steps that was done then. */
  private marks: { at: number; share: number }[] = [];

  constructor(
    readonly job: Job,
    readonly trainers: number,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  progress({ step, steps, totalStep, totalSteps }: StepProgress): void {
    const share = this.job.kind === 'dense' ? step / steps : totalStep / totalSteps;
    this.marks = [...this.marks.slice(0, 1), { at: this.clock.monotonic() / 1000, share }];
  }

  /** Seconds to the job's end at the speed so far; 0 as long as that is not known. */
  get secondsLeft(): number {
    const [first, last] = this.marks;
    if (!last || last.share === first.share) return 0;
    return ((1 - last.share) * (last.at - first.at)) / (last.share - first.share);
  }
}

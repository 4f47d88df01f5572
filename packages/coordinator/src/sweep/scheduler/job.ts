import type { Clock } from '@prunegrid/core/runtime';

import type { JobTrainers } from '../../cluster/index.js';
import type { StepProgress } from '../../training/context.js';

/** A job of a sweep: training the dense network that trials share, or running a trial. */
export type Job = { kind: 'dense'; key: string } | { kind: 'trial'; trial: number };

export const nameOf = (job: Job): string => (job.kind === 'dense' ? `dense ${job.key}` : `trial ${job.trial}`);

/** A running job. */
export class RunningJob {
  /** Aborted with the reason `Paused` when the job is to resume on more trainers. */
  readonly pause = new AbortController();
  /** The first and the latest progress that is known: seconds, and the share of all steps that was done then. */
  private marks: { at: number; share: number }[] = [];
  private held: Pick<JobTrainers, 'members'> | undefined;

  constructor(
    readonly job: Job,
    /** Number of trainers that it has been given. */
    readonly granted: number,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  /** Must be called when the job has its trainers. */
  holds(trainers: Pick<JobTrainers, 'members'>): void {
    this.held = trainers;
  }

  /** Number of trainers that it has now. */
  get trainers(): number {
    return this.held?.members.length ?? this.granted;
  }

  progress({ step, steps, totalStep, totalSteps }: StepProgress): void {
    const share = this.job.kind === 'dense' ? step / steps : totalStep / totalSteps;
    this.marks = [...this.marks.slice(0, 1), { at: this.clock.monotonic() / 1000, share }];
  }

  /** Estimated seconds to the end of the job at its speed so far; 0 while the speed is unknown. */
  get secondsLeft(): number {
    const [first, last] = this.marks;
    if (!last || last.share === first.share) return 0;
    return ((1 - last.share) * (last.at - first.at)) / (last.share - first.share);
  }
}

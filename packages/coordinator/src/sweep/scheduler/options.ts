import type { ChosenLauncher } from '../../launch/index.js';
import type { TrainerChoice } from '../../launch/trainers.js';
import type { TimedProgress } from '../../training/progress.js';
import type { Job } from './job.js';
import type { SweepResources } from './resources.js';

/** Options for running a sweep. */
export interface RunTrialsOptions {
  resources: SweepResources;
  trainers: TrainerChoice;
  /** How the trainers are started. */
  launch: ChosenLauncher;
  /** Numbers of the trials to run; if absent, all waiting trials run. */
  only?: ReadonlySet<number> | undefined;
  /** Aborts when the user interrupts the sweep; `interrupted` rejects at the same moment. */
  signal: AbortSignal;
  /** Aborts when the sweep is preempted. No more jobs start then, and running jobs finish. */
  preemption?: AbortSignal | undefined;
  interrupted: Promise<never>;
  maxConcurrent: number;
  /** Largest number of retries of a job that has lost a trainer. */
  retries: number;
  /** Whether the first failure that is not retried ends the sweep. */
  failFast: boolean;
  onProgress: (job: Job, progress: TimedProgress) => void;
  warn: (line: string) => void;
}

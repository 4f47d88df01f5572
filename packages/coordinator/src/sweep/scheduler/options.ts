import type { TrainerChoice } from '../../launch/trainers.js';
import type { StepProgress } from '../../training/context.js';
import type { Job } from './job.js';
import type { SweepResources } from './resources.js';

/** How a sweep is to be run. */
export interface RunTrialsOptions {
  resources: SweepResources;
  trainers: TrainerChoice;
  /** Numbers of the trials to be worked on; if absent, all that are waiting. */
  only?: ReadonlySet<number> | undefined;
  /** Aborts when the user wants an end, and `interrupted` rejects at the same moment. */
  signal: AbortSignal;
  /** Aborts when the sweep is to give way to others: nothing more is begun, and what is running comes to its end. */
  preemption?: AbortSignal | undefined;
  interrupted: Promise<never>;
  maxConcurrent: number;
  /** Further attempts at a job that has lost a trainer. */
  retries: number;
  /** Whether the first failure for good ends the sweep. */
  failFast: boolean;
  onProgress: (job: Job, progress: StepProgress & { imagesPerSecond: number }) => void;
  warn: (line: string) => void;
}

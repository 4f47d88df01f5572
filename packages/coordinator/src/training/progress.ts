import type { Clock } from '@prunegrid/core/runtime';
import type { StepProgress } from './context.js';
import { Pace } from './pace.js';

/** Smallest time between two progress reports, in milliseconds. */
const PROGRESS_MS = 100;
/** Seconds of training over which the speed is averaged. */
const SPEED_SECONDS = 10;

/**
 * The progress of a run with its speed in images per second, smoothed, as trained without evaluations and projections.
 * The speed is absent until a step has been timed that is not the first one of its phase, in which engines compile.
 */
export type TimedProgress = StepProgress & { imagesPerSecond?: number };

/** Adds the speed to a run's progress and limits how often it is reported, because a screen needs no more. */
export function throttled(
  clock: Pick<Clock, 'monotonic'>,
  globalBatch: number,
  pass: (progress: TimedProgress) => void,
): (progress: StepProgress) => void {
  let toldAt = -Infinity;
  let speed = new Pace(SPEED_SECONDS);
  let timed: StepProgress | undefined;
  return (progress) => {
    const { phase, step, steps, totalStep, trainingSeconds } = progress;
    if (timed?.phase === phase) {
      speed.add((totalStep - timed.totalStep) * globalBatch, trainingSeconds - timed.trainingSeconds);
    } else {
      speed = new Pace(SPEED_SECONDS);
    }
    timed = progress;
    const at = clock.monotonic();
    if (at - toldAt < PROGRESS_MS && step < steps) return;
    toldAt = at;
    pass({ ...progress, ...(speed.value !== undefined && { imagesPerSecond: speed.value }) });
  };
}

import type { Clock } from '@prunegrid/core/runtime';
import type { StepProgress } from './context.js';

/** Smallest time between two progress reports, in milliseconds. */
const PROGRESS_MS = 100;

/** Adds the speed to a run's progress and limits how often it is reported, because a screen needs no more. */
export function throttled(
  clock: Pick<Clock, 'monotonic'>,
  globalBatch: number,
  pass: (progress: StepProgress & { imagesPerSecond: number }) => void,
): (progress: StepProgress) => void {
  let told = { at: clock.monotonic(), totalStep: 0 };
  return (progress) => {
    const at = clock.monotonic();
    if (at - told.at < PROGRESS_MS && progress.step < progress.steps) return;
    const imagesPerSecond = ((progress.totalStep - told.totalStep) * globalBatch * 1000) / (at - told.at);
    told = { at, totalStep: progress.totalStep };
    pass({ ...progress, imagesPerSecond });
  };
}

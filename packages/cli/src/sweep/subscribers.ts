import type { SweepSubscriber } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import { startSweepMirror } from '@prunegrid/coordinator/tracking/mirror';
import { destinationOf } from '@prunegrid/coordinator/tracking/sync';

/** How long the end of a sweep waits for MLflow to take the rest, in milliseconds. */
const DRAIN_MS = 30_000;

/**
 * What follows every sweep: the report, then the mirror, which also sends the report.
 * @param mlflow the server's address; by default the one of before, or the environment's
 */
export const sweepSubscribers = (mlflow: string | undefined): SweepSubscriber[] => [reportAtEnd, mirrorTo(mlflow)];

/** Draws how far the sweep has come, into its folder. */
const reportAtEnd: SweepSubscriber = ({ folder }) =>
  Promise.resolve(async () => {
    // What draws is loaded only when there is something to draw.
    const [{ readReport }, { writeReport }] = await Promise.all([
      import('@prunegrid/coordinator/report/sweep/data'),
      import('@prunegrid/coordinator/report/sweep/write'),
    ]);
    await writeReport(await readReport(folder));
  });

function mirrorTo(mlflow: string | undefined): SweepSubscriber {
  return async ({ folder, journal }, warn) => {
    const destination = await destinationOf(folder, { ...(mlflow && { url: mlflow }) });
    const mirror = destination && startSweepMirror({ ...destination, folder, journal, warn });
    return async () => void (await mirror?.drain(DRAIN_MS));
  };
}

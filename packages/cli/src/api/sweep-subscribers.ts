import { reportFiles } from '@prunegrid/coordinator/report/sweep/files';
import type { SweepSubscriber } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import { startSweepMirror } from '@prunegrid/coordinator/tracking/mirror';
import { destinationOf } from '@prunegrid/coordinator/tracking/sync';

import type { ApiContext } from './context.js';

/** How long the end of a sweep waits for MLflow to take the rest, in milliseconds. */
const DRAIN_MS = 30_000;

/** The files of a sweep's folder that MLflow gets. The report is written when the sweep ends, and again by `prunegrid report`. */
export const sweepFiles: readonly string[] = ['sweep.json', ...Object.values(reportFiles)];

/**
 * What follows every sweep: the report, then the mirror, which also sends the report.
 * @param mlflow the server's address; by default the one of before, or the environment's
 */
export const sweepSubscribers = (mlflow: string | undefined, context: ApiContext): SweepSubscriber[] => [
  reportAtEnd(context),
  mirrorTo(mlflow, context),
];

/** Draws how far the sweep has come, into its folder. */
function reportAtEnd({ runtime }: ApiContext): SweepSubscriber {
  return ({ folder }) =>
    Promise.resolve(async () => {
      // What draws is loaded only when there is something to draw.
      const [{ readReport }, { writeReport }] = await Promise.all([
        import('@prunegrid/coordinator/report/sweep/data'),
        import('@prunegrid/coordinator/report/sweep/write'),
      ]);
      await writeReport(runtime, await readReport(runtime, folder));
    });
}

function mirrorTo(mlflow: string | undefined, { runtime, variables: environment }: ApiContext): SweepSubscriber {
  return async ({ folder, journal }, warn) => {
    const destination = await destinationOf(folder, { url: mlflow, environment, warn, runtime });
    const mirror =
      destination && startSweepMirror({ ...destination, folder, journal, environment, warn, sweepFiles, runtime });
    return async () => void (await mirror?.drain(DRAIN_MS));
  };
}

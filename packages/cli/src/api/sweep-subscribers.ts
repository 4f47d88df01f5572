import { reportFiles } from '@prunegrid/coordinator/report/sweep/files';
import type { SweepSubscriber } from '@prunegrid/coordinator/sweep/scheduler/sweep';
import { startSweepMirror } from '@prunegrid/coordinator/tracking/mirror';
import { destinationOf } from '@prunegrid/coordinator/tracking/sync';

import type { ApiContext } from './context.js';

/** How long the end of a sweep waits until MLflow has received the remaining records, in milliseconds. */
const DRAIN_MS = 30_000;

/**
 * The files of a sweep's folder that are sent to MLflow. The report is written when the sweep ends, and by `prunegrid
 * report`.
 */
export const sweepFiles: readonly string[] = ['sweep.json', ...Object.values(reportFiles)];

/**
 * Returns the subscribers of every sweep: the report, and then the MLflow mirror, which also sends the report.
 * @param mlflow the server's address; by default the server to which the sweep was sent before, or the environment's
 */
export const sweepSubscribers = (mlflow: string | undefined, context: ApiContext): SweepSubscriber[] => [
  reportAtEnd(context),
  mirrorTo(mlflow, context),
];

/** Writes the report into the sweep's folder when the sweep ends. */
function reportAtEnd({ runtime }: ApiContext): SweepSubscriber {
  return ({ folder }) =>
    Promise.resolve(async () => {
      // The chart library is loaded only when a report is drawn.
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

import { resumeExperiment } from '../api/run.js';
import type { CommandEnvironment } from '../environment.js';
import { showRun, type ShowRunOptions } from './show-run.js';

/**
 * `prunegrid resume`: resumes a run that was interrupted. The result has the same bits as without the interruption.
 * Throws Failure, also if the run cannot be resumed.
 */
export async function resume(folder: string, options: ShowRunOptions, environment: CommandEnvironment): Promise<void> {
  await showRun(folder, options, environment, (follow) => resumeExperiment(folder, follow, environment));
}

import { loadExperiment } from '../api/experiment.js';
import { claimRunFolder, runExperiment } from '../api/run.js';
import type { CommandEnvironment } from '../environment.js';
import { showRun, type ShowRunOptions } from './show-run.js';

export interface RunCommandOptions extends ShowRunOptions {
  set: string[];
  out?: string;
  seed?: number;
}

/** `prunegrid run`: runs an experiment. Throws Failure, which is then also the last record of the journal. */
export async function run(
  file: string,
  { set, seed, out, ...options }: RunCommandOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const overrides = seed === undefined ? set : [...set, `seed=${seed}`];
  const experiment = await loadExperiment(file, { set: overrides }, environment);
  const folder = out ?? (await claimRunFolder(environment.runtime, experiment.spec));
  await showRun(folder, options, environment, (follow) =>
    runExperiment(experiment, { folder, ...follow }, environment),
  );
}

import { type Experiment, loadExperiment } from '../api/experiment.js';
import { claimRunFolder, runExperiment } from '../api/run.js';
import { findAccelerator } from '@prunegrid/trainer/engines';

import { chooseEngine } from '../engines.js';
import { type CommandEnvironment, complain } from '../environment.js';
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
  const experiment = await withEngine(
    await loadExperiment(file, { set: overrides }, environment),
    overrides,
    environment,
  );
  const folder = out ?? (await claimRunFolder(environment.runtime, experiment.spec));
  await showRun(folder, options, environment, (follow) =>
    runExperiment(experiment, { folder, ...follow }, environment),
  );
}

/** Returns the experiment with the engine for this machine, and says why it is that one if there is a choice. */
async function withEngine(
  experiment: Experiment,
  set: readonly string[],
  environment: CommandEnvironment,
): Promise<Experiment> {
  const { spec, engineNamed: named } = experiment;
  const hasObjective = spec.loss !== undefined || (spec.metrics ?? []).length > 0;
  const accelerator = await findAccelerator(environment.runtime.files, environment.variables);
  const { engine, line } = chooseEngine({ engine: spec.engine, named, hasObjective }, accelerator);
  if (line !== undefined) complain(environment, line);
  if (engine === spec.engine) return experiment;
  return loadExperiment(experiment.file, { set: [...set, `engine=${engine}`] }, environment);
}

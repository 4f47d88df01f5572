import { syncRun, syncSweep } from '@prunegrid/coordinator/tracking/sync';
import { join } from 'node:path';

import { sweepFiles } from '../api/sweep-subscribers.js';
import { type CommandEnvironment, noticesTo, print } from '../environment.js';

export interface SyncCommandOptions {
  mlflow?: string;
}

/** `prunegrid sync`: sends to MLflow what it lacks of a run, or of a sweep with all its runs. Throws Failure. */
export async function sync(
  folder: string,
  { mlflow }: SyncCommandOptions,
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime, variables } = environment;
  const warn = noticesTo(environment).onWarning;
  const options = { url: mlflow, environment: variables, warn, runtime };
  const isSweep = (await runtime.files.status(join(folder, 'sweep.json'))) !== undefined;
  const { url, page, records, runs, running } = await (isSweep
    ? syncSweep(folder, { ...options, sweepFiles })
    : syncRun(folder, options));
  const of = isSweep ? `${runs} runs of ${folder}` : folder;
  print(environment, records === 0 ? `${url} has everything of ${folder} already` : `sent ${records} records of ${of}`);
  if (running && records > 0) {
    print(environment, `the ${isSweep ? 'sweep' : 'run'} has not ended in its journal: MLflow shows it as running`);
  }
  print(environment, page);
}

import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { syncRun, syncSweep } from '@prunegrid/coordinator/tracking/sync';

export interface SyncOptions {
  mlflow?: string;
}

/** `prunegrid sync`, of a run or of a sweep with all its runs. */
export async function sync(folder: string, { mlflow }: SyncOptions): Promise<void> {
  const options = { ...(mlflow && { url: mlflow }), warn: (line: string) => console.error(`prunegrid: ${line}`) };
  const isSweep = await access(join(folder, 'sweep.json')).then(
    () => true,
    () => false,
  );
  const { url, page, records, runs, running } = await (isSweep ? syncSweep : syncRun)(folder, options);
  const of = isSweep ? `${runs} runs of ${folder}` : folder;
  console.log(records === 0 ? `${url} has everything of ${folder} already` : `sent ${records} records of ${of}`);
  if (running && records > 0) {
    console.log(`the ${isSweep ? 'sweep' : 'run'} has not ended in its journal: MLflow shows it as running`);
  }
  console.log(page);
}

import { syncRun } from '../tracking/sync.js';

export interface SyncOptions {
  mlflow?: string;
}

/** `prunegrid sync`. */
export async function sync(folder: string, { mlflow }: SyncOptions): Promise<void> {
  const warn = (line: string) => console.error(`prunegrid: ${line}`);
  const { url, page, records, ended } = await syncRun(folder, { ...(mlflow && { url: mlflow }), warn });
  console.log(records === 0 ? `${url} has everything of ${folder} already` : `sent ${records} records of ${folder}`);
  if (ended === null && records > 0) console.log('the run has not ended in its journal: MLflow shows it as running');
  console.log(page);
}

import { syncRun } from '../tracking/sync.js';

/** `prunegrid sync`. */
export async function sync(folder: string, { mlflow }: { mlflow?: string }): Promise<void> {
  const warn = (line: string) => console.error(`prunegrid: ${line}`);
  const { url, page, records } = await syncRun(folder, { ...(mlflow && { url: mlflow }), warn });
  console.log(records === 0 ? `${url} has everything of ${folder} already` : `sent ${records} records of ${folder}`);
  console.log(page);
}

import { readReport } from '@prunegrid/coordinator/report/sweep/data';
import { reportFiles } from '@prunegrid/coordinator/report/sweep/files';
import { tableText } from '@prunegrid/coordinator/report/sweep/formats';
import { writeReport } from '@prunegrid/coordinator/report/sweep/write';
import { join, resolve } from 'node:path';

import { type CommandEnvironment, complain, print } from '../environment.js';

/**
 * `prunegrid report`: writes a sweep's results as an HTML page and as tables for papers and programs. Throws Failure.
 */
export async function report(
  place: string,
  { json }: { json: boolean },
  environment: CommandEnvironment,
): Promise<void> {
  const { runtime } = environment;
  const data = await readReport(runtime, resolve(place));
  await writeReport(runtime, data);
  const { table, bestCells: best, gaps } = data;
  const files = Object.fromEntries(Object.entries(reportFiles).map(([name, file]) => [name, join(place, file)]));
  if (json) return print(environment, JSON.stringify({ ...table, best, files, gaps }));
  for (const gap of gaps) complain(environment, `prunegrid: ${gap}; the report goes without it`);
  print(environment, `${tableText(table)}\n\nRead it: ${files['page']}; the table: ${files['csv']}, .md, .tex`);
}

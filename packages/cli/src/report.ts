import { join, resolve } from 'node:path';

import { readReport } from '@prunegrid/coordinator/report/sweep/data';
import { reportFiles } from '@prunegrid/coordinator/report/sweep/files';
import { tableText } from '@prunegrid/coordinator/report/sweep/formats';
import { writeReport } from '@prunegrid/coordinator/report/sweep/write';

/** `prunegrid report`: a sweep's results as a page for people and as tables for papers and programs. Throws Failure. */
export async function report(place: string, { json }: { json: boolean }): Promise<void> {
  const data = await readReport(resolve(place));
  await writeReport(data);
  const { table, gaps } = data;
  const files = Object.fromEntries(Object.entries(reportFiles).map(([name, file]) => [name, join(place, file)]));
  if (json) return console.log(JSON.stringify({ ...table, files, gaps }));
  for (const gap of gaps) console.error(`prunegrid: ${gap}; the report goes without it`);
  console.log(`${tableText(table)}\n\nRead it: ${files['page']}; the table: ${files['csv']}, .md, .tex`);
}

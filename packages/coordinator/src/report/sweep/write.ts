import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { writeText } from '../../training/run-folder.js';
import type { ReportData } from './data.js';
import { tableCsv, tableLatex, tableMarkdown } from './formats.js';
import { reportPage } from './page.js';

/** What a report consists of, seen from the sweep's folder. */
export const reportFiles = {
  page: 'report/report.html',
  csv: 'report/table.csv',
  markdown: 'report/table.md',
  latex: 'report/table.tex',
} as const;

/** Writes the report's files into the sweep's folder, each whole or not at all. Throws Failure where they cannot be written. */
export async function writeReport(data: ReportData): Promise<void> {
  const { folder, table } = data;
  await mkdir(join(folder, 'report'), { recursive: true }).catch(() => undefined);
  await writeText(join(folder, reportFiles.csv), tableCsv(table));
  await writeText(join(folder, reportFiles.markdown), tableMarkdown(table));
  await writeText(join(folder, reportFiles.latex), tableLatex(table));
  await writeText(join(folder, reportFiles.page), reportPage(data));
}

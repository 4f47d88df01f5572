import { Failure } from '@prunegrid/core/failure';
import type { Host } from '@prunegrid/core/runtime';
import { join } from 'node:path';

import { writeText } from '@prunegrid/core/files';
import type { ReportData } from './data.js';
import { reportFiles } from './files.js';
import { tableCsv, tableLatex, tableMarkdown } from './formats.js';
import { reportPage } from './page.js';

/**
 * Writes the report's files into the sweep's folder, each of them atomically. Throws Failure if they cannot be written.
 */
export async function writeReport(runtime: Host, data: ReportData): Promise<void> {
  const { folder, table } = data;
  const place = join(folder, 'report');
  try {
    await runtime.files.makeFolder(place);
  } catch (cause) {
    throw new Failure('environment', `${place}: cannot be made: ${(cause as Error).message}: make room for it`, {
      cause,
    });
  }
  await writeText(runtime, join(folder, reportFiles.csv), tableCsv(table));
  await writeText(runtime, join(folder, reportFiles.markdown), tableMarkdown(table));
  await writeText(runtime, join(folder, reportFiles.latex), tableLatex(table));
  await writeText(runtime, join(folder, reportFiles.page), reportPage(data));
}

import { nodeHost } from '@prunegrid/core/node';
import { Failure } from '@prunegrid/core/failure';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { writeText } from '@prunegrid/core/files';
import type { ReportData } from './data.js';
import { reportFiles } from './files.js';
import { tableCsv, tableLatex, tableMarkdown } from './formats.js';
import { reportPage } from './page.js';

/** Writes the report's files into the sweep's folder, each whole or not at all. Throws Failure where they cannot be written. */
export async function writeReport(data: ReportData): Promise<void> {
  const { folder, table } = data;
  const place = join(folder, 'report');
  try {
    await mkdir(place, { recursive: true });
  } catch (cause) {
    throw new Failure('environment', `${place}: cannot be made: ${(cause as Error).message}: make room for it`, {
      cause,
    });
  }
  await writeText(nodeHost, join(folder, reportFiles.csv), tableCsv(table));
  await writeText(nodeHost, join(folder, reportFiles.markdown), tableMarkdown(table));
  await writeText(nodeHost, join(folder, reportFiles.latex), tableLatex(table));
  await writeText(nodeHost, join(folder, reportFiles.page), reportPage(data));
}

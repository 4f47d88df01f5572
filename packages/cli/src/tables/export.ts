import { columns } from '@prunegrid/core/text/columns';
import { grouped, ratio } from '@prunegrid/core/text/figures';
import { relative } from 'node:path';

import type { ExportedNetwork } from '../api/export.js';

/** The files of an export with their sizes. Plain text without a newline at the end. */
export function renderExport({ model, files, total }: ExportedNetwork): string {
  return [
    `${model}: ${grouped(total.kept)} of ${grouped(total.weights)} weights are not zero (${ratio(total.weights, total.kept)})`,
    '',
    ...columns([
      ['file', 'bytes', 'after gzip'],
      null,
      ...files.map(({ path, bytes, gzipBytes }) => [shownPath(path), grouped(bytes), grouped(gzipBytes)]),
    ]),
  ].join('\n');
}

/** Returns the path as users type it if it is below their current folder. */
function shownPath(path: string): string {
  const below = relative('.', path);
  return below.startsWith('..') ? path : below;
}

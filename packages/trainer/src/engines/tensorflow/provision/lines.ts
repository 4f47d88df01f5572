import type { Report } from './build.js';

/** Makes lines for the user of the progress of an installation, one for each of its steps. */
export function linesOf(report: (line: string) => void): Report {
  let last = '';
  return ({ text }) => {
    if (text !== last) report(`engine: ${text}`);
    last = text;
  };
}

/** The files of a report, relative to the sweep's folder. */
export const reportFiles = {
  page: 'report/report.html',
  csv: 'report/table.csv',
  markdown: 'report/table.md',
  latex: 'report/table.tex',
} as const;

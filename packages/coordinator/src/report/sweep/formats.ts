import { columns } from '@prunegrid/core/text/columns';
import { grouped, ratio } from '@prunegrid/core/text/figures';
import { brief } from '../plan.js';
import type { Spread } from '../spread.js';
import { type CellRow, missingOf, type SweepTable } from './table.js';

/** A number of per cent, two decimals. */
const percentage = (share: number): string => (share * 100).toFixed(2);

const measures = [
  ['dense', 'dense'],
  ['hardPruned', 'pruned'],
  ['heldOut', 'held out'],
  ['test', 'test'],
] as const;

function settingOf({ settings, method }: CellRow, axis: string): string {
  if (axis in settings) return brief(settings[axis]);
  return axis === 'method' ? method : '-';
}

/** `99.36 ± 0.05`, or the mean alone where there is one seed. */
function withDeviation(spread: Spread | undefined): string {
  if (!spread) return '-';
  const { mean, deviation } = spread;
  return deviation === undefined ? percentage(mean) : `${percentage(mean)} ± ${percentage(deviation)}`;
}

/** For people: a header, then a row of text for each cell; accuracies in per cent, mean ± sample deviation over seeds. */
export function rowsOf(table: SweepTable): { header: string[]; rows: string[][] } {
  return {
    header: [...table.axes, 'kept', 'times fewer', ...measures.map(([, title]) => `${title}, %`), 'n', 'missing'],
    rows: table.rows.map((row) => [
      ...table.axes.map((axis) => settingOf(row, axis)),
      grouped(row.kept),
      ratio(row.weights, row.kept),
      ...measures.map(([key]) => withDeviation(row.result?.[key])),
      `${row.result?.test.n ?? 0} of ${row.planned}`,
      missingOf(row) || '-',
    ]),
  };
}

/** Plain text without a newline at the end. */
export function tableText(table: SweepTable): string {
  const { header, rows } = rowsOf(table);
  return columns([header, null, ...rows]).join('\n');
}

/**
 * For programs (RFC 4180, lines end in CRLF): accuracies as shares, one column for each mean, deviation; an empty field is a figure that
 * there is not.
 */
export function tableCsv({ axes, rows }: SweepTable): string {
  const names = ['dense', 'pruned', 'held_out', 'test'];
  const header = [
    ...['cell', 'method', ...axes, 'weights', 'kept', 'ratio'],
    ...names.flatMap((name) => [`${name}_mean`, `${name}_deviation`]),
    ...['n', 'planned', 'missing', 'reasons'],
  ];
  const lines = rows.map((row) => [
    String(row.cell),
    row.method,
    ...axes.map((axis) => (axis in row.settings ? brief(row.settings[axis]) : '')),
    String(row.weights),
    String(row.kept),
    (row.weights / row.kept).toPrecision(6),
    ...measures.flatMap(([key]) => {
      const spread = row.result?.[key];
      return [spread?.mean, spread?.deviation].map((value) => (value === undefined ? '' : String(value)));
    }),
    String(row.result?.test.n ?? 0),
    String(row.planned),
    missingOf(row),
    row.reasons.join('; '),
  ]);
  const field = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [header, ...lines].map((line) => `${line.map(field).join(',')}\r\n`).join('');
}

/** A table of GitHub-flavoured Markdown. */
export function tableMarkdown(table: SweepTable): string {
  const { header, rows } = rowsOf(table);
  const cell = (text: string) => text.replaceAll(/[\\|<>*_`]/g, '\\$&').replaceAll(/\s+/g, ' ');
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |\n`;
  return `${line(header)}|${header.map((_, at) => (at < table.axes.length ? ' --- |' : ' ---: |')).join('')}\n${rows.map(line).join('')}`;
}

const latexSigns: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '±': '$\\pm$',
};

/** A `tabular` for a paper; needs the package booktabs. */
export function tableLatex(table: SweepTable): string {
  const { header, rows } = rowsOf(table);
  const cell = (text: string) =>
    text.replaceAll(/\s+/g, ' ').replaceAll(/[\\~^±&%$#_{}]/g, (sign) => latexSigns[sign] ?? `\\${sign}`);
  const line = (cells: string[]) => `${cells.map(cell).join(' & ')} \\\\\n`;
  return [
    `\\begin{tabular}{${'l'.repeat(table.axes.length)}${'r'.repeat(header.length - table.axes.length)}}\n`,
    `\\toprule\n${line(header)}\\midrule\n${rows.map(line).join('')}\\bottomrule\n\\end{tabular}\n`,
  ].join('');
}

import { columns } from '@prunegrid/core/text/columns';
import { counted, grouped, ratio } from '@prunegrid/core/text/figures';
import { brief } from '../../experiment/setting.js';
import type { Spread } from '../spread.js';
import { type CellRow, missingOf, type SweepTable } from './table.js';

/** Formats a share in per cent, with two decimals. */
const percentage = (share: number): string => (share * 100).toFixed(2);

const measures = [
  ['dense', 'dense'],
  ['hardPruned', 'pruned'],
  ['heldOut', 'held out'],
  ['test', 'test'],
] as const;

/** Returns the table's measures, with top-5 accuracy on the test set if cells are chosen by it. */
const measuresOf = ({ rows }: Pick<SweepTable, 'rows'>) => [
  ...measures,
  ...(rows.some(({ result }) => result?.top5) ? [['top5', 'test top-5'] as const] : []),
];

function settingOf({ settings, method }: CellRow, axis: string): string {
  if (axis in settings) return brief(settings[axis]);
  return axis === 'method' ? method : '-';
}

/** Formats a spread as `99.36 ± 0.05`, or as the mean alone if there is one seed. */
export function withDeviation(spread: Spread | undefined): string {
  if (!spread) return '-';
  const { mean, deviation } = spread;
  return deviation === undefined ? percentage(mean) : `${percentage(mean)} ± ${percentage(deviation)}`;
}

/** Returns how many of a cell's seeds have finished: `2 of 3 seeds`. */
export const seedsOf = ({ result, planned }: CellRow): string =>
  `${result?.test.n ?? 0} of ${counted(planned, 'seed')}`;

/** Returns by which factor a forward pass has fewer multiply-accumulates: `12.1x`. */
function macReduction({ result }: CellRow): string {
  const { dense = 0, pruned = 0 } = result?.multiplyAccumulates ?? {};
  return ratio(dense, pruned);
}

/**
 * Returns the table for people: a header and a row of text for each cell. Accuracies are in per cent, as the mean ± the
 * sample standard deviation over seeds.
 */
export function rowsOf(table: SweepTable): { header: string[]; rows: string[][] } {
  return {
    header: [
      ...table.axes,
      'kept',
      'compression',
      'MAC reduction',
      ...measuresOf(table).map(([, title]) => `${title}, %`),
      'n',
      'missing',
    ],
    rows: table.rows.map((row) => [
      ...table.axes.map((axis) => settingOf(row, axis)),
      grouped(row.kept),
      ratio(row.weights, row.kept),
      macReduction(row),
      ...measuresOf(table).map(([key]) => withDeviation(row.result?.[key])),
      `${row.result?.test.n ?? 0} of ${row.planned}`,
      missingOf(row) || '-',
    ]),
  };
}

/** Returns the table as plain text without a newline at the end. */
export function tableText(table: SweepTable): string {
  const { header, rows } = rowsOf(table);
  return columns([header, null, ...rows]).join('\n');
}

/**
 * Returns the table for programs as CSV (RFC 4180; lines end in CRLF). Accuracies are shares, with a column for each
 * mean and each deviation. A field without a value is empty.
 */
export function tableCsv({ axes, rows }: SweepTable): string {
  const shown = measuresOf({ rows });
  const names = shown.map(([, title]) => title.replaceAll(/[ -]/g, '_'));
  const header = [
    ...['cell', 'method', ...axes, 'weights', 'kept', 'ratio', 'macs', 'macs_pruned', 'mac_ratio'],
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
    ...macFields(row),
    ...shown.flatMap(([key]) => {
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

/** Returns the multiply-accumulates of the dense and of the pruned network, and their ratio, as fields of CSV. */
function macFields({ result }: CellRow): string[] {
  const macs = result?.multiplyAccumulates;
  return macs ? [String(macs.dense), String(macs.pruned), (macs.dense / macs.pruned).toPrecision(6)] : ['', '', ''];
}

/** Returns the table in GitHub-flavoured Markdown. */
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

/** Returns a LaTeX `tabular` for a paper, which needs the package booktabs. */
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

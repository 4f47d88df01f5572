import { columns } from '@prunegrid/core/text/columns';
import { grouped, percent, ratio as ratioOf } from '@prunegrid/core/text/figures';
import type { PaperNetwork } from '@prunegrid/coordinator/report/paper';
import type { Cell, Comparison } from '../reproduction/comparison.js';

/** The characters of a reason that stands in its cell. A longer one stands below the table. */
const SHORT = 30;

/** The table as plain text, without a newline at the end. */
export function renderReproduction(
  { accuracy, rows, layers, total, computation, changed }: Comparison,
  { title }: PaperNetwork,
): string {
  const reasons: string[] = [];
  const cell = <T>(here: Cell<T>, render: (value: T) => string): string => {
    if (!isNotRun(here)) return render(here);
    if (here.notRun.length <= SHORT) return `not run: ${here.notRun}`;
    if (!reasons.includes(here.notRun)) reasons.push(here.notRun);
    return `not run (${reasons.indexOf(here.notRun) + 1})`;
  };
  const paperPercent = (share: number) => `${Number((share * 100).toFixed(2))} %`;
  return [
    `${title}: as published, and here`,
    '',
    ...columns([
      [`accuracy, ${accuracy}`, 'compression', 'published', 'here', 'deviation', 'seeds'],
      null,
      ...rows.map(({ name, ratio, paper, here }) => [
        name,
        `${ratio}x`,
        paperPercent(paper),
        cell(here, ({ mean }) => percent(mean)),
        !isNotRun(here) && here.deviation !== undefined ? percent(here.deviation) : '-',
        !isNotRun(here) ? String(here.n) : '-',
      ]),
    ]),
    '',
    ...columns([
      ['weights kept', 'weights', 'paper', 'here'],
      null,
      ...layers.map(({ name, weights, paper, here }) => [
        name,
        grouped(weights),
        paper === undefined ? '-' : grouped(paper),
        cell(here, grouped),
      ]),
      null,
      ['total', grouped(total.weights), grouped(total.paper), cell(total.here, grouped)],
    ]),
    ...(computation ? ['', ...columns(computationRows(layers, computation))] : []),
    ...reasons.map((reason, i) => `${i === 0 ? '\n' : ''}(${i + 1}) ${reason}`),
    ...(changed.length > 0 ? [`\nNot the recipe: ${changed.join(', ')}`] : []),
  ].join('\n');
}

function computationRows(
  layers: Comparison['layers'],
  { dense, pruned, paper }: NonNullable<Comparison['computation']>,
): (string[] | null)[] {
  return [
    ['multiply-accumulates', 'dense', 'paper', 'here'],
    null,
    ...layers.flatMap(({ name, multiplyAccumulates: own }) =>
      own ? [[name, grouped(own.dense), '-', grouped(own.pruned)]] : [],
    ),
    null,
    ['whole network', grouped(dense), '-', grouped(pruned)],
    ['reduction', '', paper === undefined ? '-' : `${paper}x`, ratioOf(dense, pruned)],
  ];
}

const isNotRun = <T>(here: Cell<T>): here is { notRun: string } =>
  typeof here === 'object' && here !== null && 'notRun' in here;

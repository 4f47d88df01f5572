import { columns } from '@prunegrid/core/text/columns';
import { grouped, percent } from '@prunegrid/core/text/figures';
import type { PaperNetwork } from '@prunegrid/coordinator/report/paper';
import type { Cell, Comparison } from '../reproduction/comparison.js';

/** The table as plain text, without a newline at the end. Below it stands why something was not run. */
export function renderReproduction(
  { accuracy, rows, layers, total, changed }: Comparison,
  { title }: PaperNetwork,
): string {
  const reasons: string[] = [];
  const cell = <T>(here: Cell<T>, render: (value: T) => string): string => {
    if (!isNotRun(here)) return render(here);
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
    ...reasons.map((reason, i) => `${i === 0 ? '\n' : ''}(${i + 1}) ${reason}`),
    ...(changed.length > 0 ? [`\nNot the recipe: ${changed.join(', ')}`] : []),
  ].join('\n');
}

const isNotRun = <T>(here: Cell<T>): here is { notRun: string } =>
  typeof here === 'object' && here !== null && 'notRun' in here;

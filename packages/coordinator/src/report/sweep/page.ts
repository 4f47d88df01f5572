import { conditionOf, countsOf } from '../condition.js';
import { counted, ratio } from '@prunegrid/core/text/figures';
import { figureSection, htmlPage, text } from '../html.js';
import { figuresOf } from './charts/index.js';
import { curveOf } from './curves.js';
import type { ReportData } from './data.js';
import { rowsOf, seedsOf, withDeviation } from './formats.js';

/** Returns the whole report as one HTML page that needs no network, no script and no other file. */
export function reportPage(data: ReportData): string {
  const { manifest, plan, state, gaps } = data;
  return htmlPage(
    plan.name,
    `<header>
<h1>${text(plan.name)}</h1>
<p class="lead">${text(`${counted(plan.trials.length, 'trial')} in ${counted(data.table.rows.length, 'cell')}: ${countsOf(state)}; ${conditionOf(data)}.`)}
Begun ${text(day(manifest.startedAt))} by ${text(manifest.user)} on ${text(manifest.host.name)}.</p>
${bestOf(data)}
</header>
${tableSection(data)}
${figuresOf(data).map(figureSection).join('\n')}
${gaps.length > 0 ? `<section><h2>Not to be read</h2><ul>${gaps.map((gap) => `<li>${text(gap)}</li>`).join('')}</ul></section>` : ''}
${originSection(data)}`,
  );
}

const day = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;

function bestOf({ bestCells, curves }: ReportData): string {
  const lines = bestCells.map((row) => {
    const { test, heldOut } = row.result;
    return `<li><b>${text(ratio(row.weights, row.kept))}</b>: ${text(`${withDeviation(heldOut)} % held out, ${withDeviation(test)} % on the test set, ${seedsOf(row)}, cell ${row.cell} (${curveOf(curves, row)})`)}</li>`;
  });
  return lines.length === 0
    ? '<p>No trial has finished yet.</p>'
    : `<p>The best configuration of each sparsity, by the mean of the held-out accuracy over its seeds:</p><ul>${lines.join('')}</ul>`;
}

function tableSection({ table }: ReportData): string {
  const { header, rows } = rowsOf(table);
  const reasons = table.rows.flatMap(({ cell, reasons: own, warnings }) => [
    ...own.map((reason) => `cell ${cell}: ${reason}`),
    ...warnings.map(({ trial, message }) => `trial ${trial}: ${message}`),
  ]);
  const cells = (row: string[], tag: 'th' | 'td') =>
    row.map((cell, at) => `<${tag}${at < table.axes.length ? '' : ' class="number"'}>${text(cell)}</${tag}>`).join('');
  return `<section>
<h2>Table</h2>
<div class="scroll"><table>
<thead><tr>${cells(header, 'th')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n')}
</tbody>
</table></div>
<p class="caption">Accuracies in per cent: of the dense network, straight after pruning and at the end on the test set, and at the end on the held-out images, by which one chooses;
mean ± sample standard deviation over the n seeds that have finished. MAC reduction: how many times fewer multiply-accumulates an example takes. The same table: <code>table.csv</code>, <code>table.md</code>, <code>table.tex</code>.</p>
${reasons.length > 0 ? `<ul>${reasons.map((reason) => `<li>${text(reason)}</li>`).join('')}</ul>` : ''}
</section>`;
}

function originSection({ manifest }: ReportData): string {
  const { commandLine, file, base, git, versions, host, runId } = manifest;
  const facts: [string, string][] = [
    ['Command', commandLine.map(word).join(' ')],
    ['Sweep', `${file}, over ${base}; every trial’s resolved spec is in sweep.json beside this report`],
    ['Commit', git ? `${git.commit}${git.dirty ? ', with changes that were not committed' : ''}` : 'not known'],
    [
      'Versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    [
      'Machine',
      `${host.name}: ${host.cores} cores of ${host.cpu}, ${Math.round(host.memoryBytes / 2 ** 30)} GiB, ${host.platform}`,
    ],
    ['Identity', runId],
  ];
  return `<section>
<h2>How to get the same</h2>
<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd><code>${text(value)}</code></dd>`).join('\n')}</dl>
</section>`;
}

/** Quotes an argument for a POSIX shell. */
const word = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;

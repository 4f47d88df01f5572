import { conditionOf, countsOf } from '../condition.js';
import { counted, ratio } from '@prunegrid/core/text/figures';
import { type Figure, figuresOf, type LegendEntry } from './charts/index.js';
import { curveOf } from './curves.js';
import type { ReportData } from './data.js';
import { rowsOf, seedsOf, withDeviation } from './formats.js';

/** Returns the whole report as one HTML page that needs no network, no script and no other file. */
export function reportPage(data: ReportData): string {
  const { manifest, plan, state, gaps } = data;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(plan.name)}: prunegrid</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<h1>${text(plan.name)}</h1>
<p class="lead">${text(`${counted(plan.trials.length, 'trial')} in ${counted(data.table.rows.length, 'cell')}: ${countsOf(state)}; ${conditionOf(data)}.`)}
Begun ${text(day(manifest.startedAt))} by ${text(manifest.user)} on ${text(manifest.host.name)}.</p>
${bestOf(data)}
</header>
${tableSection(data)}
${figuresOf(data).map(figureSection).join('\n')}
${gaps.length > 0 ? `<section><h2>Not to be read</h2><ul>${gaps.map((gap) => `<li>${text(gap)}</li>`).join('')}</ul></section>` : ''}
${originSection(data)}
</main>
</body>
</html>
`;
}

const text = (raw: string): string => raw.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

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
mean ± sample standard deviation over the n seeds that have finished. The same table: <code>table.csv</code>, <code>table.md</code>, <code>table.tex</code>.</p>
${reasons.length > 0 ? `<ul>${reasons.map((reason) => `<li>${text(reason)}</li>`).join('')}</ul>` : ''}
</section>`;
}

function figureSection({ title, caption, legend, panels }: Figure): string {
  const drawings = panels.map(
    ({ title: own, svg }) =>
      `<div class="panel">${own === undefined ? '' : `<h3>${text(own)}</h3>`}<div class="scroll">${svg}</div></div>`,
  );
  return `<section>
<h2>${text(title)}</h2>
<ul class="legend">${legend.map(legendItem).join('')}</ul>
<div class="${panels.length > 1 ? 'panels' : 'single'}">${drawings.join('\n')}</div>
<p class="caption">${text(caption)}</p>
</section>`;
}

const marks: Record<LegendEntry['mark'], (color: string) => string> = {
  line: (color) => `<path d="M0 6H24" stroke="${color}" stroke-width="2.5"/>`,
  dashed: (color) => `<path d="M0 6H24" stroke="${color}" stroke-width="2.5" stroke-dasharray="5 3"/>`,
  dot: (color) => `<circle cx="12" cy="6" r="5" fill="${color}"/>`,
  diamond: (color) => `<path d="M12 0L18 6L12 12L6 6Z" fill="${color}"/>`,
  area: (color) => `<rect x="4" width="16" height="12" fill="${color}"/>`,
};

const legendItem = ({ name, color, mark }: LegendEntry): string =>
  `<li><svg width="24" height="12" aria-hidden="true">${marks[mark](color)}</svg>${text(name)}</li>`;

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

const style = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1f2933; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 16px 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 48px 0 8px; }
h3 { font-size: 14px; margin: 12px 0 0; font-weight: 600; }
.lead { font-size: 18px; color: #52606d; margin: 0 0 16px; }
.caption { color: #52606d; font-size: 14px; max-width: 75ch; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 11px 5px 0; white-space: nowrap; border-bottom: 1px solid #e4e7eb; }
th { border-bottom: 2px solid #9aa5b1; }
.number { text-align: right; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 22px; padding: 0; margin: 8px 0; font-size: 14px; }
.legend svg { margin-right: 7px; vertical-align: -1px; }
.panel svg { display: block; width: 100%; height: auto; min-width: 360px; }
.single .panel svg { min-width: 680px; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(380px, 100%), 1fr)); gap: 8px 20px; }
.panel { min-width: 0; }
dt { font-weight: 600; margin-top: 10px; }
dd { margin: 0; }
code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, "Liberation Mono", monospace; overflow-wrap: anywhere; }
@media print { section { break-inside: avoid; } main { max-width: none; } }
`;

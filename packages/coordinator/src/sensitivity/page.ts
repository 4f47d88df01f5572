import { percent, grouped } from '@prunegrid/core/text/figures';

import { figureSection, htmlPage, text } from '../report/html.js';
import { axis, colorOf, drawing, faint, type Figure } from '../report/sweep/charts/figure.js';
import { sparsity, sparsityAxis } from '../report/sweep/charts/scales.js';
import type { Sensitivity } from '../experiment/sensitivity-file.js';

const WIDTH = 920;
const HEIGHT = 460;
const grid = { left: 76, right: 28, top: 20, bottom: 56 };

/** The number of layers with colours of their own. Lines of more layers could not be told apart. */
const COLORED = 7;

/** Returns a measurement as one HTML page that needs no network, no script and no other file. */
export function sensitivityPage(sensitivity: Sensitivity): string {
  const { model, data, dense } = sensitivity;
  const lead = `Accuracy on ${grouped(data.images)} held-out examples of ${data.name} if a layer alone is pruned by magnitude and nothing is retrained; ${percent(dense.accuracy)} without pruning.`;
  return htmlPage(
    `Sensitivity of ${model.name}`,
    `<header><h1>Sensitivity of ${text(model.name)}</h1><p class="lead">${text(lead)}</p></header>
${figureSection(sensitivityFigure(sensitivity))}
${table(sensitivity)}`,
  );
}

/** Draws the accuracy over the compression ratio of each layer. The layers that lose the most have colours. */
export function sensitivityFigure({ layers, dense, ratios }: Sensitivity): Figure {
  const measured = layers.filter(({ points }) => points.length > 0);
  const lowest = (points: Sensitivity['layers'][number]['points']) =>
    points.reduce((sum, { accuracy }) => sum + accuracy, 0) / points.length;
  const ordered = [...measured].sort((a, b) => lowest(a.points) - lowest(b.points));
  const colored = ordered.slice(0, COLORED);
  const all = [dense, ...measured.flatMap(({ points }) => points)].map(({ accuracy }) => 100 * accuracy);
  const low = Math.max(0, 10 * Math.floor(Math.min(...all) / 10));
  const line = ({ points }: (typeof measured)[number], color: string, width: number) => ({
    type: 'line',
    data: [
      [sparsity(1), 100 * dense.accuracy],
      ...points.map(({ ratio, accuracy }) => [sparsity(ratio), 100 * accuracy]),
    ],
    symbol: 'circle',
    symbolSize: width === 2 ? 6 : 0,
    color,
    lineStyle: { width, color },
    silent: true,
  });
  const svg = drawing(
    {
      grid,
      xAxis: sparsityAxis([1, ...ratios]),
      yAxis: axis({
        title: 'held-out accuracy',
        range: [low, 100],
        ticks: Array.from({ length: (100 - low) / 10 + 1 }, (_, i) => low + 10 * i),
        label: (tick) => `${tick} %`,
        gap: 50,
      }),
      series: [
        ...ordered.slice(COLORED).map((layer) => line(layer, '#c5ccd3', 1)),
        ...[...colored].reverse().map((layer) => line(layer, colorOf(colored.indexOf(layer)), 2)),
      ],
    },
    WIDTH,
    HEIGHT,
  );
  const others = ordered.length - colored.length;
  return {
    title: 'Accuracy without retraining',
    caption:
      'One layer is pruned at a time, to the compression ratio of its own weights. The layers that lose the most come first.',
    legend: [
      ...colored.map(({ name }, i) => ({ name, color: colorOf(i), mark: 'line' as const })),
      ...(others > 0 ? [{ name: `${others} that lose less`, color: faint, mark: 'line' as const }] : []),
    ],
    panels: [{ svg }],
  };
}

function table({ layers, ratios, dense }: Sensitivity): string {
  const cell = (accuracy: number | undefined) => {
    if (accuracy === undefined) return '<td class="number">-</td>';
    // The colour is as strong as the share of the accuracy that is lost, up to a half of it.
    const lost = Math.max(0, Math.min(1, (2 * (dense.accuracy - accuracy)) / dense.accuracy));
    return `<td class="number" style="background: rgba(213, 94, 0, ${(0.75 * lost).toFixed(2)})">${(100 * accuracy).toFixed(2)}</td>`;
  };
  return `<section>
<h2>Table</h2>
<div class="scroll"><table>
<thead><tr><th>layer</th><th class="number">weights</th>${ratios.map((ratio) => `<th class="number">${ratio}x</th>`).join('')}</tr></thead>
<tbody>
${layers.map(({ name, weights, points }) => `<tr><td>${text(name)}</td><td class="number">${grouped(weights)}</td>${ratios.map((_, i) => cell(points.at(i)?.accuracy)).join('')}</tr>`).join('\n')}
</tbody>
</table></div>
<p class="caption">Accuracies in per cent. <code>sensitivity.json</code> has the losses as well, by which the budget rule sensitivity shares.</p>
</section>`;
}

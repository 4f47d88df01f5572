import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from 'echarts';

import { paperNetwork } from '../../paper.js';
import type { Spread } from '../../spread.js';
import type { FinishedTrial, ReportData } from '../data.js';
import { type CellRow, paretoFront } from '../table.js';
import { colorOf, dashOf, drawing, faint, type Figure, ink } from './figure.js';
import { accuracy, accuracyAxis, sparsity, sparsityAxis } from './scales.js';

const WIDTH = 920;
const HEIGHT = 480;
const grid = { left: 84, right: 28, top: 20, bottom: 56 };

interface Point {
  ratio: number;
  share: Spread;
}

const measured = (rows: readonly CellRow[], which: 'test' | 'heldOut'): Point[] =>
  rows.flatMap((row) => (row.result ? [{ ratio: row.weights / row.kept, share: row.result[which] }] : []));

/**
 * Draws the accuracy on the test set over the compression ratio, with one line for each curve, deviations, and
 * published results.
 */
export function accuracyFigure({ curves, best }: Pick<ReportData, 'curves' | 'best'>): Figure | null {
  const lines = curves.map(({ name, rows }) => ({ name, points: measured(rows, 'test') }));
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) return null;
  const published = publishedFor(best[0]);
  const several = points.some(({ share }) => share.deviation !== undefined);
  const ends = points.flatMap(({ share: { mean, deviation = 0 } }) => [mean - deviation, mean + deviation]);
  const ratios = [...points, ...published].map(({ ratio }) => ratio);
  const svg = drawing(
    {
      grid,
      xAxis: sparsityAxis(ratios),
      yAxis: accuracyAxis('accuracy on the test set', [...ends, ...published.map(({ accuracy: share }) => share)]),
      series: [
        ...lines.flatMap(({ points: own }, index) => [
          {
            type: 'line',
            data: own.map(({ ratio, share }) => [sparsity(ratio), accuracy(share.mean)]),
            symbol: 'circle',
            symbolSize: 7,
            color: colorOf(index),
            lineStyle: { width: 2, type: dashOf(index) },
          },
          deviations(own, colorOf(index)),
        ]),
        {
          type: 'scatter',
          symbol: 'diamond',
          symbolSize: 22,
          color: ink,
          z: 5,
          // Labels with names would overlap the lines and each other, so the names are in the legend.
          label: { show: true, position: 'inside', color: '#fff', fontSize: 11, fontWeight: 'bold' },
          data: published.map(({ ratio, accuracy: share }, index) => ({
            value: [sparsity(ratio), accuracy(share)],
            label: { formatter: letterOf(index) },
          })),
        },
      ],
    },
    WIDTH,
    HEIGHT,
  );
  return {
    title: 'Accuracy and sparsity',
    caption: [
      several
        ? 'Means over seeds with the sample standard deviation.'
        : 'One seed a cell, so there is no deviation to show.',
      'The axis is logarithmic in the share of wrong answers.',
      ...(published.length > 0 ? ['Diamonds are figures as published, from dense networks of their own.'] : []),
    ].join(' '),
    legend: [
      ...lines.map(({ name }, index) => ({
        name,
        color: colorOf(index),
        mark: dashOf(index) === 'solid' ? ('line' as const) : ('dashed' as const),
      })),
      ...published.map(({ by, ratio, accuracy: share }, index) => ({
        name: `${letterOf(index)}: ${by}, ${Number((share * 100).toFixed(2))} % at ${ratio}x`,
        color: ink,
        mark: 'diamond' as const,
      })),
    ],
    panels: [{ svg }],
  };
}

const letterOf = (index: number): string => String.fromCharCode('A'.charCodeAt(0) + index);

function publishedFor(best: FinishedTrial | undefined): { by: string; ratio: number; accuracy: number }[] {
  const paper = best && paperNetwork(best.layers, best.data);
  if (!paper || paper.accuracy !== 'top-1') return [];
  return [{ by: 'Zhang et al. (the paper)', ratio: paper.total.ratio, accuracy: paper.finalAccuracy }, ...paper.others];
}

/** Draws a bar with whiskers from the mean minus the deviation to the mean plus the deviation. */
function deviations(points: readonly Point[], color: string): object {
  return {
    type: 'custom',
    silent: true,
    data: points.flatMap(({ ratio, share: { mean, deviation } }) =>
      deviation === undefined ? [] : [[sparsity(ratio), accuracy(mean - deviation), accuracy(mean + deviation)]],
    ),
    renderItem(_params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) {
      const [x, low] = api.coord([api.value(0), api.value(1)]);
      const [, high] = api.coord([api.value(0), api.value(2)]);
      const line = (x1: number, y1: number, x2: number, y2: number) => ({
        type: 'line',
        shape: { x1, y1, x2, y2 },
        style: { stroke: color, lineWidth: 1.5 },
      });
      return {
        type: 'group',
        children: [line(x, low, x, high), line(x - 4, low, x + 4, low), line(x - 4, high, x + 4, high)],
      };
    },
  };
}

/** Draws the held-out accuracy of all cells and highlights the Pareto front. */
export function paretoFigure({ table, curves }: Pick<ReportData, 'table' | 'curves'>): Figure | null {
  const front = measured(paretoFront(table), 'heldOut');
  if (front.length === 0) return null;
  const all = curves.map(({ rows }) => measured(rows, 'heldOut'));
  const points = all.flat();
  const svg = drawing(
    {
      grid,
      xAxis: sparsityAxis(points.map(({ ratio }) => ratio)),
      yAxis: accuracyAxis(
        'held-out accuracy',
        points.map(({ share }) => share.mean),
      ),
      series: [
        {
          type: 'line',
          step: 'start',
          symbol: 'none',
          color: faint,
          lineStyle: { width: 2, type: 'dashed' },
          data: front.map(({ ratio, share }) => [sparsity(ratio), accuracy(share.mean)]),
        },
        ...all.map((own, index) => ({
          type: 'scatter',
          symbolSize: 10,
          color: colorOf(index),
          data: own.map(({ ratio, share }) => [sparsity(ratio), accuracy(share.mean)]),
        })),
      ],
    },
    WIDTH,
    HEIGHT - 80,
  );
  return {
    title: 'Pareto front',
    caption:
      'Cells on the dashed line are beaten by none: no other is at least as accurate with fewer weights, in the mean of at least as many seeds. Chosen by held-out accuracy, for the test set only reports.',
    legend: [
      ...curves.map(({ name }, index) => ({ name, color: colorOf(index), mark: 'dot' as const })),
      { name: 'Pareto front', color: faint, mark: 'dashed' },
    ],
    panels: [{ svg }],
  };
}
